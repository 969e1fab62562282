/**
 * Text that a terminal shows and does not obey: control characters of all kinds (escape sequences, C1, directions, what takes no room, halves
 * of surrogate pairs) as `\u001b`, line breaks and tabs excepted. The joiners that some scripts and emoji need stay. In JSON it means the same.
 */
export const visibleText = (text: string): string =>
  text.replace(INVISIBLE, (each) =>
    Array.from({ length: each.length }, (_, at) => `\\u${each.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )

/** The same on one line, for a name within a line or a table. */
export const visibleLine = (text: string): string => visibleText(text.replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/gu, ' '))

const INVISIBLE = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
