import { readFileSync, realpathSync } from 'node:fs'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import type { SystemResolvers } from '../../../core/runtime/dns-exchange.ts'
import { endpoint, type Endpoint } from '../../../core/runtime/endpoint.ts'
import { originalResolvConf } from './resolv-conf.ts'

/** File in which systemd-resolved lists the servers of all devices. */
const RESOLVED_SERVERS = '/run/systemd/resolve/resolv.conf'
const MAX_SERVERS = 16

/** Whether an address is a sentinel, at which the client's own resolver listens. Wire §4 */
const isSentinel = (address: string): boolean =>
  address.startsWith('100.100.111.') || address.startsWith('fd00:2021:1111:8000:100:100:111:')

/**
 * Reads the system's resolvers from /etc/resolv.conf or its backup; instead of systemd-resolved's stub, the servers
 * that it asks.
 */
export class LinuxSystemResolvers implements SystemResolvers {
  readonly #path: string
  readonly #resolvedPath: string

  constructor({ path = '/etc/resolv.conf', resolvedPath = RESOLVED_SERVERS } = {}) {
    this.#path = path
    this.#resolvedPath = resolvedPath
  }

  servers(): readonly Endpoint[] {
    const servers = serversOf(originalResolvConf(this.#path))
    const stub = servers.includes(endpoint('127.0.0.53', 53)) || this.#isResolvedLink()
    const known = stub ? serversOf(readText(this.#resolvedPath)) : servers
    return known.slice(0, MAX_SERVERS)
  }

  #isResolvedLink(): boolean {
    try {
      return realpathSync(this.#path).startsWith('/run/systemd/resolve/')
    } catch {
      return false
    }
  }
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

const serversOf = (text: string): Endpoint[] => {
  const found = new Set<Endpoint>()
  for (const [, written = ''] of text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)) {
    const address = serverAddress(written)
    if (address !== undefined && !isSentinel(address)) found.add(endpoint(address, 53))
  }
  return [...found]
}
