/**
 * Escapes characters that would control a terminal (escape sequences, C1, text direction, zero width, unpaired
 * surrogates) as `\u001b`. Keeps line breaks, tabs, and the joiners that some scripts and emoji need. Valid JSON stays
 * equivalent.
 */
export const visibleText = (text: string): string =>
  text.replace(INVISIBLE, (each) =>
    Array.from({ length: each.length }, (_, at) => `\\u${each.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )

/** Escapes as `visibleText`, and replaces tabs and line breaks by spaces: for a name within a line or a table. */
export const visibleLine = (text: string): string => visibleText(text.replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/gu, ' '))

const INVISIBLE = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
