/**
 * Address and port in canonical text: `192.0.2.1:53`, `[2001:db8::1]:53`, `[fe80::1%eth0]:53` (RFC 4007 §11). Equal
 * endpoints are equal text.
 */
export type Endpoint = string & { readonly __brand: 'Endpoint' }

export type Family = 'ipv4' | 'ipv6'

/** Makes an endpoint of a canonical address and a port. */
export const endpoint = (address: string, port: number): Endpoint =>
  (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`) as Endpoint

/** Splits an endpoint into its parts; undefined if it is malformed. The address and its zone are not validated. */
export const splitEndpoint = (text: string): { address: string; port: number; family: Family } | undefined => {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[^\s%[\]]{1,15})?)\]|([0-9.]+)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const port = Number(match[3])
  if (port > 0xffff) return undefined
  if (match[1] !== undefined) return { address: match[1], port, family: 'ipv6' }
  return { address: match[2] ?? '', port, family: 'ipv4' }
}
