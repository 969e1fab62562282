// One rule for names, everywhere: two that look the same are the same, and what cannot be seen is not in them.

/**
 * A name as it is stored and compared: in NFC, each run of blanks as one space, and none at the ends (Unicode UAX #15). What it may hold
 * is `textProblem`'s to say.
 */
export const tidyText = (text: string): string =>
  text
    .normalize('NFC')
    .replaceAll(/\p{Zs}+/gu, ' ')
    .replaceAll(/^ | $/g, '')

/** Why a text is not fit to be read by people, whatever it says; undefined if it is. */
export const textProblem = (text: string): string | undefined =>
  NOT_TEXT.test(text)
    ? 'has control characters'
    : UNSEEN.test(text) || STRAY_JOINER.test(text)
      ? 'has characters that cannot be seen, or that turn the direction of writing'
      : undefined

/** Whether there is anything to see in a text. */
export const isVisible = (text: string): boolean =>
  /[\p{L}\p{N}\p{P}\p{S}]/u.test(text.replaceAll(/[\p{DI}\u2800]/gu, ''))

/** A name that a stranger's machine gives itself, without what no name may hold; empty where nothing is left. */
export const cleanedName = (text: string, longest: number): string => {
  const cleaned = tidyText(
    text.replaceAll(NOT_TEXT_ALL, ' ').replaceAll(UNSEEN_ALL, '').replaceAll(STRAY_JOINER_ALL, ''),
  )
  return isVisible(cleaned) ? tidyText(cleaned.slice(0, longest).replace(HALF, '')) : ''
}

/** A text that is no Unicode text, at whatever depth of a JSON value: its path there; undefined where there is none. */
export const illFormedPath = (value: unknown, path = ''): string | undefined => {
  if (typeof value === 'string') return HALF.test(value) ? path || '(top)' : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, member] of Object.entries(value)) {
    if (HALF.test(key)) return path || '(top)'
    const at = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    const found = illFormedPath(member, at)
    if (found !== undefined) return found
  }
  return undefined
}

/** Half of a surrogate pair. */
const HALF = /\p{Cs}/u

/** C0, C1, halves of surrogate pairs, what Unicode keeps for itself, and the separators that end lines. */
const NOT_TEXT_ALL = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u2028\u2029]/gu
const NOT_TEXT = new RegExp(NOT_TEXT_ALL.source, 'u')

/** Signs of direction and of format, and letters that are blanks, but for the joiners of scripts and emoji, and variants of signs. */
const UNSEEN_ALL = /(?!\u200c|\u200d|\p{Variation_Selector})[\p{Cf}\p{DI}\u2800]/gu
const UNSEEN = new RegExp(UNSEEN_ALL.source, 'u')

/** Joiners and selectors where they change nothing that is seen: behind letters that do not join, signs without variants, or nothing. */
const STRAY_JOINER_ALL =
  /(?<![\p{M}\p{Emoji_Modifier}\p{Extended_Pictographic}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Mongolian}])[\u200c\u200d]|(?<![\p{Extended_Pictographic}\p{sc=Han}\p{sc=Mongolian}\d#*])\p{VS}|(?<=[\d#*])\p{VS}(?!\u20e3)/gu
const STRAY_JOINER = new RegExp(STRAY_JOINER_ALL.source, 'u')
