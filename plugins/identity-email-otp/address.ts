/** RFC 5321 §4.5.3.1.3. */
const MAX_ADDRESS_CHARACTERS = 254

// Narrower than RFC 5322 on purpose: what may be typed here becomes a recipient, so nothing that could be a list, a quote or a header.
// Read before its capitals are folded: U+212A (KELVIN SIGN) would be a `k` afterwards.
const ADDRESS =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+$/

/** A typed address in lower case, as actors have it; undefined where it is none. */
export const readAddress = (typed: string): string | undefined => {
  if (typed.length > 4 * MAX_ADDRESS_CHARACTERS) return undefined
  const address = typed.trim()
  return address.length <= MAX_ADDRESS_CHARACTERS && ADDRESS.test(address) ? address.toLowerCase() : undefined
}
