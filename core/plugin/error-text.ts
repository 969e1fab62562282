const LONGEST = 200

/** Text of whatever somebody else's code threw, cut short. Never throws: some things that can be thrown have no text. */
export const errorText = (error: unknown): string => {
  try {
    return String(error).slice(0, LONGEST)
  } catch {
    return 'an error without a text'
  }
}
