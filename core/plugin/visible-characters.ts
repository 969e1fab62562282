/**
 * Replaces the characters of a plugin's text that a terminal or a page would act on instead of showing (controls, line ends, directions of
 * text, unpaired surrogates) by blanks. Keeps the joiners that some scripts and emoji need.
 */
export const visibleCharacters = (text: string): string => text.replace(INVISIBLE, ' ')

const INVISIBLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
