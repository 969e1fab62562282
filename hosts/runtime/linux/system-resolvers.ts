import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { canonicalAddress, parseAddress } from '../../../core/net/ip-address.ts'
import { isInRange, SENTINEL_ADDRESSES } from '../../../core/net/reserved-range.ts'
import type { SystemResolvers } from '../../../core/runtime/dns-exchange.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { CommandError } from '../process/run-command.ts'
import { isResolvedLink, originalResolvConf } from './resolv-conf.ts'
import { resolvectl } from './resolvectl.ts'

/** File in which systemd-resolved lists the servers of all devices. */
const RESOLVED_SERVERS = '/run/systemd/resolve/resolv.conf'
const MAX_SERVERS = 16

/**
 * Whether an address is a usual one of a client's own resolver; where an earlier run has left it, nobody says so. Wire §4
 */
const isSentinel = (address: string): boolean => {
  const bytes = parseAddress(address)
  return bytes !== undefined && isInRange(SENTINEL_ADDRESSES, bytes)
}

/** Time for which servers that systemd-resolved has told are taken as they were, in milliseconds. */
const TOLD_FOR_MS = 4_000

/**
 * Reads the system's resolvers from /etc/resolv.conf or its backup; instead of systemd-resolved's stub, the servers
 * that it asks, those over TLS among them.
 */
export class LinuxSystemResolvers implements SystemResolvers {
  readonly #path: string
  readonly #resolvedPath: string
  /** Servers that systemd-resolved asks over TLS or at a port other than 53. */
  #special: readonly SpecialServer[] = []
  #toldAt: number | undefined
  /** Addresses of the client's own resolver. */
  readonly #own = new Set<string>()

  constructor({ path = '/etc/resolv.conf', resolvedPath = RESOLVED_SERVERS } = {}) {
    this.#path = path
    this.#resolvedPath = resolvedPath
  }

  /**
   * Asks systemd-resolved, where that runs, which servers it asks over TLS or at other ports. `servers` repeats it in the
   * background.
   */
  async refresh(): Promise<void> {
    this.#toldAt = performance.now()
    if (!existsSync(dirname(this.#resolvedPath))) return
    try {
      const found = specialServers(await resolvectl('dns'), await resolvectl('dnsovertls'))
      this.#special = found.filter(({ address }) => !this.#own.has(address))
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      this.#special = []
    }
  }

  leaveOut(addresses: readonly string[]): void {
    for (const address of addresses) this.#own.add(address)
  }

  servers(): readonly Endpoint[] {
    const servers = this.#others(addressesOf(originalResolvConf(this.#path)))
    if (!servers.includes('127.0.0.53') && !isResolvedLink(this.#path)) {
      return servers.slice(0, MAX_SERVERS).map((address) => endpoint(address, 53))
    }
    if (this.#toldAt === undefined || performance.now() - this.#toldAt > TOLD_FOR_MS) void this.refresh()
    const overTls = this.#special.filter(({ name }) => name !== undefined)
    const listed = this.#others(addressesOf(readText(this.#resolvedPath))).flatMap((address) => {
      const ways = overTls.filter((one) => one.address === address)
      return ways.length === 0 ? [endpoint(address, 53)] : ways.map(({ server }) => server)
    })
    // The file leaves out servers of other ports, for which resolv.conf has no words.
    return [...new Set([...listed, ...this.#special.map(({ server }) => server)])].slice(0, MAX_SERVERS)
  }

  #others(addresses: readonly string[]): string[] {
    return addresses.filter((address) => !this.#own.has(address))
  }

  serverName(server: Endpoint): string | undefined {
    return this.#special.find((one) => one.server === server)?.name
  }
}

/** Server that systemd-resolved asks over TLS, or at a port other than 53. */
export interface SpecialServer {
  address: string
  server: Endpoint
  /** Name that its certificate must have; undefined for one that is asked without TLS. */
  name: string | undefined
}

/** RFC 7858 §3.1 */
const TLS_PORT = 853

/**
 * Finds the servers of links that are asked over TLS without exception, each with the name that its certificate must
 * have: the written one (`192.0.2.53:8853#dns.example.org`), else the address; and those of other ports without TLS.
 * resolved.conf(5), DNS= and DNSOverTLS=
 */
export const specialServers = (
  servers: ReadonlyMap<string, readonly string[]>,
  modes: ReadonlyMap<string, readonly string[]>,
): readonly SpecialServer[] => {
  const found: SpecialServer[] = []
  for (const [link, listed] of servers) {
    const isOverTls = modes.get(link)?.[0] === 'yes'
    for (const text of listed) {
      const [, bracketed, bare = '', port, zone = '', name] = SERVER.exec(text) ?? []
      const address = serverAddress(`${bracketed ?? bare}${zone}`)
      if (
        address === undefined ||
        isSentinel(address) ||
        Number(port) > 0xffff ||
        (!isOverTls && (port ?? '53') === '53')
      )
        continue
      const server = endpoint(address, Number(port ?? TLS_PORT))
      found.push({ address, server, name: isOverTls ? (name ?? address) : undefined })
    }
  }
  return found
}

/** `192.0.2.53`, `192.0.2.53:8853#dns.example.org`, `2001:db8::53`, `[fe80::1]:8853%eth0`. */
const SERVER = /^(?:\[([^\]]+)\]|([^\]:#]+|[^\]:#]*:[^\]:#]*:[^\]#]*))(?::(\d{1,5}))?(%[^#]+)?(?:#(.+))?$/

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Returns a canonical address; a link-local one, as routers announce, keeps its zone: the device's name or number. */
const serverAddress = (text: string): string | undefined => {
  const [, address = text, zone] = /^(fe[89ab][^%]*)%([^\s%[\]/]{1,15})$/i.exec(text) ?? []
  const canonical = canonicalAddress(address)
  return canonical === undefined || zone === undefined ? canonical : `${canonical}%${zone}`
}

const addressesOf = (text: string): string[] => {
  const found = new Set<string>()
  for (const [, written = ''] of text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)) {
    const address = serverAddress(written)
    if (address !== undefined && !isSentinel(address)) found.add(address)
  }
  return [...found]
}
