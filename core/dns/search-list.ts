/**
 * Returns the number of labels that a name has before its longest search domain, to which a resolver may have appended
 * that; 0 if it is below none. All names are normalized.
 */
export const labelsBeforeSearch = (name: string, searchDomains: readonly string[]): number => {
  const lengths = searchDomains.filter((domain) => name.endsWith(`.${domain}`)).map((domain) => domain.length)
  return lengths.length === 0 ? 0 : name.slice(0, -Math.max(...lengths) - 1).split('.').length
}
