import { z } from 'zod'
import { parseAddress } from './ip-address.ts'
import { whyNeverAServer, type NeverAServer } from './never-a-server.ts'

/** Returns why a text cannot be the address of a server: it is no address, or one of no server. Undefined if it can. */
export const serverAddressProblem = (text: string): string | undefined => {
  const address = parseAddress(text)
  if (address === undefined) return text.includes('/') ? 'is one address, without a prefix length' : 'is no address'
  return neverAServerProblem(text)
}

/** Returns why the host of a URL cannot be a server; undefined if it is a name, or an address that may be a server's. */
export const serverUrlProblem = (text: string): string | undefined =>
  // `URL` normalizes addresses: `0x7f.1` becomes 127.0.0.1.
  neverAServerProblem(URL.canParse(text) ? new URL(text).hostname.replace(/^\[(.*)\]$/, '$1') : '')

const checkedBy =
  (problemOf: (text: string) => string | undefined): z.core.CheckFn<string> =>
  (context) => {
    const message = problemOf(context.value)
    if (message !== undefined) context.issues.push({ code: 'custom', message, input: context.value })
  }

/**
 * Schema of the address of a server to ask, IPv4 or IPv6: none of the link or the tunnels. One of the machine itself is for
 * its own configuration only: the hosts refuse it in what an account names.
 */
export const ServerAddress = z.string().max(45).check(checkedBy(serverAddressProblem))

/** Schema of a server's https URL, without a query or a fragment. An address in it may be one that `ServerAddress` accepts. */
export const ServerUrl = z
  .url({ protocol: /^https$/ })
  .max(512)
  .refine((text) => !/[?#]/.test(text), 'has a query or a fragment')
  .check(checkedBy(serverUrlProblem))

const neverAServerProblem = (text: string): string | undefined => {
  const address = parseAddress(text)
  const reason = address && whyNeverAServer(address)
  return reason === undefined || reason === 'loopback' ? undefined : NEVER_A_SERVER_TEXT[reason]
}

/** Explains why an address cannot be a server's, to the person who entered it; completes a sentence about the address. */
export const NEVER_A_SERVER_TEXT: Readonly<Record<NeverAServer, string>> = {
  tunnel: "is one of the tunnels' own addresses",
  loopback: 'is the machine itself',
  'link-local': 'is link-local: it is another machine on every link, and where clouds keep credentials',
  metadata: "is a cloud's metadata service",
  multicast: 'is multicast',
  broadcast: 'is broadcast',
  unspecified: 'is no address of a machine',
  'ipv4-in-ipv6': 'is IPv4 within IPv6: write the IPv4 address',
}
