/** Maximum length of an address. RFC 5321 §4.5.3.1.3 */
const MAX_ADDRESS_CHARACTERS = 254

// Stricter than RFC 5322: a typed address becomes the recipient of a mail, so it must not contain a list, a quote or a
// header. Matched before conversion to lower case, which would turn U+212A (KELVIN SIGN) into `k`.
const ADDRESS =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$/

/** Returns a typed address in lower case, as actors' addresses are stored; undefined if it is not an address. */
export const readAddress = (typed: string): string | undefined => {
  if (typed.length > 4 * MAX_ADDRESS_CHARACTERS) return undefined
  const address = typed.trim()
  return address.length <= MAX_ADDRESS_CHARACTERS && ADDRESS.test(address) ? address.toLowerCase() : undefined
}
