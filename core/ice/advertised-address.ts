import { canonicalAddress } from '../net/ip-address.ts'
import { splitEndpoint } from '../runtime/endpoint.ts'
import { isOfferable } from './candidate.ts'

/** Address at which an operator says that this machine is reached. */
export interface AdvertisedAddress {
  address: string
  /** UDP port; undefined for the port of this machine's own socket. */
  port: number | undefined
}

/**
 * Parses an address with or without a port: `203.0.113.7`, `203.0.113.7:52625`, `2001:db8::7`, `[2001:db8::7]:52625`.
 * Undefined if the text is malformed, or no other machine can reach such an address.
 */
export const parseAdvertised = (text: string): AdvertisedAddress | undefined => {
  const bare = canonicalAddress(text)
  const parts = bare === undefined ? splitEndpoint(text) : { address: bare, port: undefined }
  const address = canonicalAddress(parts?.address ?? '')
  if (parts === undefined || parts.port === 0 || address === undefined || !isOfferable(address)) return undefined
  return { address, port: parts.port }
}
