import { endpoint, splitEndpoint, type Endpoint } from '../runtime/endpoint.ts'
import { canonicalAddress } from './ip-address.ts'

/** Returns an endpoint in canonical text; undefined if the text has no address or no port. */
export const canonicalEndpoint = (text: string): Endpoint | undefined => {
  const { address, port = 0 } = splitEndpoint(text) ?? {}
  const canonical = address === undefined ? undefined : canonicalAddress(address)
  return canonical === undefined || port === 0 ? undefined : endpoint(canonical, port)
}
