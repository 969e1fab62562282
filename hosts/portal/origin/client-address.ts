import ipaddr from 'ipaddr.js'
import { isIP } from 'node:net'
import { OperatorError } from '../../../core/config/operator-error.ts'

export interface Forwarding {
  /** IP address of the socket's other end. */
  socketAddress: string | undefined
  /** Value of the X-Forwarded-For header, unparsed. */
  forwardedFor: string | readonly string[] | undefined
}

/**
 * Returns the IP address that a request came from, in canonical form without a port; `unknown` if there is no socket.
 */
export type ClientAddress = (forwarding: Forwarding) => string

/**
 * Makes a function that finds the client's address: the socket's, or, if that is a trusted proxy, the right-most entry
 * of X-Forwarded-For that is not one. Entries further left are unverified and ignored. Calls `onUntrusted` with
 * addresses that send the header and are not trusted.
 * @throws OperatorError TRUSTED_PROXY_INVALID
 */
export const clientAddressBehind = (
  trustedProxies: readonly string[],
  onUntrusted: (address: string) => void = () => undefined,
): ClientAddress => {
  const ranges = trustedProxies.map(parseRange)
  const isTrusted = (address: string): boolean => {
    const parsed = ipaddr.parse(address)
    return ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits))
  }
  return ({ socketAddress, forwardedFor }) => {
    let address = canonical(socketAddress ?? '')
    if (address === undefined) return 'unknown'
    const hops = (Array.isArray(forwardedFor) ? forwardedFor.join(',') : String(forwardedFor ?? ''))
      .split(',')
      .slice(-32)
    if (forwardedFor !== undefined && !isTrusted(address)) onUntrusted(address)
    while (isTrusted(address)) {
      const hop = canonical(withoutPort(hops.pop()?.trim() ?? ''))
      if (hop === undefined) return address
      address = hop
    }
    return address
  }
}

const parseRange = (text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] => {
  const [address = '', prefix, ...rest] = text.split('/')
  const longest = isIP(address) === 4 ? 32 : 128
  const bits = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  if (isIP(address) === 0 || rest.length > 0 || !(bits <= longest)) {
    throw new OperatorError(
      'TRUSTED_PROXY_INVALID',
      `trusted_proxies: "${text}" is neither an address nor a range.`,
      'Write, for instance, 192.0.2.1 or 192.0.2.0/24.',
    )
  }
  return [ipaddr.parse(address), bits]
}

/** Returns an IP address in canonical form; IPv4-mapped IPv6, as of a dual-stack socket, becomes IPv4. */
const canonical = (text: string): string | undefined => {
  if (isIP(text) === 0 || text.includes('%')) return undefined
  return ipaddr.process(text).toString()
}

/** Removes the port that some proxies append: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const withoutPort = (text: string): string =>
  /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? (/^[\d.]+:\d+$/.test(text) ? text.replace(/:\d+$/, '') : text)
