/**
 * Replaces by blanks the characters of a plugin's or a peer's text that a terminal or page would interpret and not show: control
 * characters, line ends, text direction marks and unpaired surrogates. Keeps the joiners that some scripts and emoji
 * need.
 */
export const visibleCharacters = (text: string): string => text.replace(INVISIBLE, ' ')

const INVISIBLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
