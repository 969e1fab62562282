const MAX_TEXT_CHARACTERS = 200

/** Text of whatever somebody else's code threw, cut short. Never throws: some things that can be thrown have no text. */
export const errorText = (error: unknown): string => {
  try {
    return String(error).slice(0, MAX_TEXT_CHARACTERS)
  } catch {
    return 'an error without a text'
  }
}

const MAX_STACK_CHARACTERS = 4_000

/** Stack of whatever somebody else's code threw, cut short; its text where it has none. Never throws. */
export const stackText = (error: unknown): string => {
  try {
    const stack: unknown = error instanceof Error ? error.stack : undefined
    return typeof stack === 'string' ? stack.slice(0, MAX_STACK_CHARACTERS) : errorText(error)
  } catch {
    return errorText(error)
  }
}
