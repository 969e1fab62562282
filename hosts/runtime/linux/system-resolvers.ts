import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import type { SystemResolvers } from '../../../core/runtime/dns-exchange.ts'
import { endpoint, splitEndpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { CommandError } from '../process/run-command.ts'
import { isResolvedLink, originalResolvConf } from './resolv-conf.ts'
import { resolvectl } from './resolvectl.ts'

/** File in which systemd-resolved lists the servers of all devices. */
const RESOLVED_SERVERS = '/run/systemd/resolve/resolv.conf'
const MAX_SERVERS = 16

/** Whether an address is a sentinel, at which the client's own resolver listens. Wire §4 */
const isSentinel = (address: string): boolean =>
  address.startsWith('100.100.111.') || address.startsWith('fd00:2021:1111:8000:100:100:111:')

/** Time for which servers that systemd-resolved has told are taken as they were, in milliseconds. */
const TOLD_FOR_MS = 4_000

/**
 * Reads the system's resolvers from /etc/resolv.conf or its backup; instead of systemd-resolved's stub, the servers
 * that it asks, those over TLS among them.
 */
export class LinuxSystemResolvers implements SystemResolvers {
  readonly #path: string
  readonly #resolvedPath: string
  /** Servers that systemd-resolved asks over TLS, by address, with the names in their certificates. */
  #overTls: ReadonlyMap<string, string> = new Map()
  #toldAt: number | undefined

  constructor({ path = '/etc/resolv.conf', resolvedPath = RESOLVED_SERVERS } = {}) {
    this.#path = path
    this.#resolvedPath = resolvedPath
  }

  /** Asks systemd-resolved, where that runs, which servers it asks over TLS. `servers` repeats it in the background. */
  async refresh(): Promise<void> {
    this.#toldAt = performance.now()
    if (!existsSync(dirname(this.#resolvedPath))) return
    try {
      this.#overTls = serversOverTls(await resolvectl('dns'), await resolvectl('dnsovertls'))
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      this.#overTls = new Map()
    }
  }

  servers(): readonly Endpoint[] {
    const servers = addressesOf(originalResolvConf(this.#path))
    if (!servers.includes('127.0.0.53') && !isResolvedLink(this.#path)) {
      return servers.slice(0, MAX_SERVERS).map((address) => endpoint(address, 53))
    }
    if (this.#toldAt === undefined || performance.now() - this.#toldAt > TOLD_FOR_MS) void this.refresh()
    const known = addressesOf(readText(this.#resolvedPath)).slice(0, MAX_SERVERS)
    return known.map((address) => endpoint(address, this.#overTls.has(address) ? TLS_PORT : 53))
  }

  serverName(server: Endpoint): string | undefined {
    const parts = splitEndpoint(server)
    return parts?.port === TLS_PORT ? this.#overTls.get(parts.address) : undefined
  }
}

/** RFC 7858 §3.1 */
const TLS_PORT = 853

/**
 * Finds the servers of links that are asked over TLS without exception, by address, each with the name that its
 * certificate must have: the written one (`192.0.2.53#dns.example.org`), else the address. resolved.conf(5), DNSOverTLS=
 */
export const serversOverTls = (
  servers: ReadonlyMap<string, readonly string[]>,
  modes: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const [link, listed] of servers) {
    if (modes.get(link)?.[0] !== 'yes') continue
    for (const text of listed) {
      const [, written = '', name] = /^\[?([^\]#]+)\]?(?::\d+)?(?:#(.+))?$/.exec(text) ?? []
      const address = serverAddress(written)
      if (address !== undefined) found.set(address, name ?? address)
    }
  }
  return found
}

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
