import { OperatorError } from '../../core/config/operator-error.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import { parsePrefix, prefixContains } from '../../core/net/prefix.ts'
import { isOfInternet } from '../../core/net/reserved-range.ts'
import { splitEndpoint } from '../../core/runtime/endpoint.ts'
import type { NameInspection } from '../client/names/name-inspection.ts'
import type { ResourceStatus } from '../client/session/client-status.ts'

/** Target of `portreeve client ping`: a name or an address, and a TCP port if one is given. */
export interface PingTarget {
  host: string
  port: number | undefined
}

/** Parses `NAME`, `NAME:PORT`, an address, or an endpoint such as `[2001:db8::1]:443`. @throws OperatorError USAGE */
export const parseTarget = (text: string): PingTarget => {
  if (parseAddress(text) !== undefined) return { host: text, port: undefined }
  const parts = splitEndpoint(text) ?? /^(?<address>[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
  const port = parts?.port === undefined ? undefined : Number(parts.port)
  if (parts?.address === undefined || (port !== undefined && (port < 1 || port > 0xffff))) {
    throw new OperatorError('USAGE', `${text} is neither a name nor an address, with a port or without.`)
  }
  return { host: parts.address, port }
}

/** Returns the resource that packets to an address belong to: of several, the one with the longest prefix. */
export const resourceAt = (address: string, resources: readonly ResourceStatus[]): ResourceStatus | undefined => {
  const bytes = parseAddress(address)
  if (bytes === undefined) return undefined
  const covering = resources.flatMap((resource) => {
    const prefix = resource.address === null ? undefined : (parsePrefix(resource.address) ?? hostOf(resource.address))
    return prefix !== undefined && prefixContains(prefix, bytes) ? [{ resource, length: prefix.length }] : []
  })
  const [first] = covering.toSorted((a, b) => b.length - a.length)
  // The Internet resource has no address, and takes what no other does.
  return first?.resource ?? resources.find((one) => one.address === null && isOfInternet(bytes))
}

/** Returns the resource that a name belongs to, by itself or by the address that it has. @throws OperatorError NOT_A_RESOURCE */
export const resourceNamed = (
  { name, resources: found, answers, upstream, code }: NameInspection,
  resources: readonly ResourceStatus[],
): ResourceStatus => {
  const resource = resources.find(({ id }) => id === found[0]?.id)
  if (resource !== undefined) return resource
  const [address] = answers.flatMap(({ type, data }) => (type === 'A' || type === 'AAAA' ? data : []))
  const internet = address === undefined ? undefined : resourceAt(address, resources)
  if (internet !== undefined) return internet
  const by = upstream === null ? '' : `; ${upstream} answers it with ${code}`
  throw notAResource(`${name} belongs to no resource that you may reach${by}.`)
}

/** Error for a target that no resource covers. */
export const notAResource = (message: string): OperatorError =>
  new OperatorError('NOT_A_RESOURCE', message, 'See which there are: portreeve client status')

const hostOf = (address: string) => {
  const bytes = parseAddress(address)
  return bytes === undefined ? undefined : { address: bytes, length: bytes.length * 8 }
}
