// One rule for names everywhere: names that look the same are the same, and no name has invisible characters.

/**
 * Normalizes a name for storage and comparison: NFC, runs of blanks as one space, none at the ends (Unicode UAX #15).
 * Does not check for forbidden characters: see `textProblem`.
 */
export const tidyText = (text: string): string =>
  text
    .normalize('NFC')
    .replaceAll(/\p{Zs}+/gu, ' ')
    .replaceAll(/^ | $/g, '')

/** Returns why a text is unfit for display; undefined if it is fit. */
export const textProblem = (text: string): string | undefined =>
  NOT_TEXT.test(text)
    ? 'has control characters'
    : UNSEEN.test(text) || STRAY_JOINER.test(text)
      ? 'has characters that cannot be seen, or that turn the direction of writing'
      : undefined

/** Whether a text has any visible character. */
export const isVisible = (text: string): boolean =>
  /[\p{L}\p{N}\p{P}\p{S}]/u.test(text.replaceAll(/[\p{DI}\u2800]/gu, ''))

/**
 * Cleans a name that an unknown machine gave itself: removes forbidden characters. Returns an empty text if nothing
 * visible is left.
 */
export const cleanedName = (text: string, longest: number): string => {
  const cleaned = tidyText(
    text.replaceAll(NOT_TEXT_ALL, ' ').replaceAll(UNSEEN_ALL, '').replaceAll(STRAY_JOINER_ALL, ''),
  )
  return isVisible(cleaned) ? tidyText(cleaned.slice(0, longest).replace(HALF, '')) : ''
}

/** Returns the path, within a JSON value, of a text that is not well-formed Unicode; undefined if there is none. */
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

/** Matches half of a surrogate pair. */
const HALF = /\p{Cs}/u

/** Matches control characters (C0, C1), halves of surrogate pairs, noncharacters, and line separators. */
const NOT_TEXT_ALL = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u2028\u2029]/gu
const NOT_TEXT = new RegExp(NOT_TEXT_ALL.source, 'u')

/**
 * Matches invisible characters: format and direction controls and blank letters; except joiners, which scripts and
 * emoji need, and variation selectors.
 */
const UNSEEN_ALL = /(?!\u200c|\u200d|\p{Variation_Selector})[\p{Cf}\p{DI}\u2800]/gu
const UNSEEN = new RegExp(UNSEEN_ALL.source, 'u')

/**
 * Matches joiners and variation selectors without visible effect: after letters that do not join, or symbols without
 * variants, or at the start.
 */
const STRAY_JOINER_ALL =
  /(?<![\p{M}\p{Emoji_Modifier}\p{Extended_Pictographic}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Mongolian}])[\u200c\u200d]|(?<![\p{Extended_Pictographic}\p{sc=Han}\p{sc=Mongolian}\d#*])\p{VS}|(?<=[\d#*])\p{VS}(?!\u20e3)/gu
const STRAY_JOINER = new RegExp(STRAY_JOINER_ALL.source, 'u')
