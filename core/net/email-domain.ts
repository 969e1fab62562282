/**
 * Normalizes an e-mail domain that was typed or taken from an address: lower case, `xn--…` for other letters than
 * ASCII, no trailing dot. Undefined if it is not a domain: a single label, an IP address, a pattern.
 */
export const readEmailDomain = (typed: string): string | undefined => {
  const text = typed.trim().replace(/\.$/, '')
  // The host parser of WHATWG URL does the IDNA conversion; characters that would begin another part of a URL are
  // refused before.
  if (text.length > 253 || /[\s/\\:@?#%[\]*<>|^]/.test(text) || !URL.canParse(`http://${text}`)) return undefined
  const host = new URL(`http://${text}`).hostname
  return /^(?=.{1,253}$)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?=.*[a-z])(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(host)
    ? host
    : undefined
}

/** Returns the domain of an e-mail address, normalized as by `readEmailDomain`; undefined if the address has none. */
export const domainOfEmail = (address: string): string | undefined => {
  const at = address.lastIndexOf('@')
  return at < 1 ? undefined : readEmailDomain(address.slice(at + 1))
}
