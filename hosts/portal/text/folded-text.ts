/**
 * Folds a text for comparison without regard to case, in all scripts (Unicode's full case folding: ß is ss, a final
 * sigma is a sigma). Accents are kept.
 */
export const foldedText = (text: string): string =>
  // toLowerCase writes a sigma at the end of a word in another way, which would depend on what follows.
  text.normalize('NFC').toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFC')
