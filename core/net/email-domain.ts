/**
 * Reads the domain of an e-mail address, or one that an admin typed: in lower case, in ASCII (`xn--…`) where it has other letters, and
 * without a dot at its end. Undefined where it is none: a single label, an address, a pattern.
 */
export const readEmailDomain = (typed: string): string | undefined => {
  const text = typed.trim().replace(/\.$/, '')
  // WHATWG URL's host parser is the platform's IDNA; what would be another part of a URL is none of a domain.
  if (text.length > 253 || /[\s/\\:@?#%[\]*<>|^]/.test(text) || !URL.canParse(`http://${text}`)) return undefined
  const host = new URL(`http://${text}`).hostname
  return /^(?=.{1,253}$)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?=.*[a-z])(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(host)
    ? host
    : undefined
}

/** Domain of an e-mail address, as `readEmailDomain` writes it; undefined where the address has none. */
export const domainOfEmail = (address: string): string | undefined => {
  const at = address.lastIndexOf('@')
  return at < 1 ? undefined : readEmailDomain(address.slice(at + 1))
}
