import { readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import type { SystemNames } from '../../../core/runtime/dns-exchange.ts'
import { originalResolvConf } from './resolv-conf.ts'

export interface SystemNameFiles {
  hosts?: string
  nsswitch?: string
  resolvConf?: string
  /** File in which systemd-resolved lists servers and domains of all devices. */
  resolved?: string
  hostName?: () => string
}

/** Reads /etc/hosts, the `hosts` line of /etc/nsswitch.conf and the search list of /etc/resolv.conf as glibc does. */
export class LinuxSystemNames implements SystemNames {
  readonly #hosts: WatchedFile<ReadonlyMap<string, readonly string[]>>
  readonly #order: WatchedFile<{ readsHosts: boolean; asksServersFirst: boolean }>
  readonly #resolvConf: string
  readonly #resolved: string
  readonly #hostName: () => string

  constructor({
    hosts = '/etc/hosts',
    nsswitch = '/etc/nsswitch.conf',
    resolvConf = '/etc/resolv.conf',
    resolved = '/run/systemd/resolve/resolv.conf',
    hostName = hostname,
  }: SystemNameFiles = {}) {
    this.#hosts = new WatchedFile(hosts, hostsOf)
    this.#order = new WatchedFile(nsswitch, orderOf)
    this.#resolvConf = resolvConf
    this.#resolved = resolved
    this.#hostName = hostName
  }

  hostAddresses(name: string): readonly string[] | undefined {
    return this.#order.content().readsHosts ? this.#hosts.content().get(name) : undefined
  }

  asksServersFirst(): boolean {
    return this.#order.content().asksServersFirst
  }

  searchDomains(): readonly string[] {
    const text = originalResolvConf(this.#resolvConf)
    // If the server is systemd-resolved's stub, the search domains of all devices are in another file.
    const found = searchOf(text) ?? (text.includes('127.0.0.53') ? searchOf(textOf(this.#resolved)) : undefined)
    if (found !== undefined) return found
    // resolv.conf(5): by default the domain of the host's own name.
    const own = normalizeName(this.#hostName())
    return own.includes('.') ? [own.slice(own.indexOf('.') + 1)] : []
  }
}

/** Parsed content of a file, read again when the file changes. */
class WatchedFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  #known: { stamp: string; content: T } | undefined

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path
    this.#parse = parse
  }

  content(): T {
    const stamp = stampOf(this.#path)
    if (this.#known?.stamp !== stamp) this.#known = { stamp, content: this.#parse(textOf(this.#path)) }
    return this.#known.content
  }
}

const stampOf = (path: string): string => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join()
  } catch {
    return ''
  }
}

/** Returns the text of a file; empty if it cannot be read. */
export const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const normalizeName = (name: string): string => name.toLowerCase().replace(/\.$/, '')

/** Parses a hosts file: addresses by name. Skips addresses with a zone, which are valid on one link only. hosts(5) */
const hostsOf = (text: string): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [written = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const address = canonicalAddress(written)
    if (address === undefined) continue
    for (const name of new Set(names.map(normalizeName))) {
      const known = found.get(name)
      if (known === undefined) found.set(name, [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  return found
}

/** Returns the services of the `hosts` line in their order, without actions such as `[NOTFOUND=return]`. nsswitch.conf(5) */
export const hostServices = (text: string): readonly string[] => {
  const [, line] = /^[ \t]*hosts:(.*)$/m.exec(text.replace(/#.*/g, '')) ?? []
  return line?.replace(/\[[^\]]*\]/g, ' ').split(/\s+/) ?? ['files', 'dns']
}

/**
 * Parses the `hosts` line: whether the hosts file is read, and whether DNS servers are asked before it. `resolve`
 * (systemd-resolved) reads the hosts file, too. nsswitch.conf(5)
 */
const orderOf = (text: string): { readsHosts: boolean; asksServersFirst: boolean } => {
  const services = hostServices(text)
  const [files, resolve, dns] = ['files', 'resolve', 'dns'].map((service) => services.indexOf(service))
  const hostsAt = Math.min(...[files, resolve].filter((at) => at !== undefined && at >= 0).map(Number))
  const readsHosts = Number.isFinite(hostsAt)
  return { readsHosts, asksServersFirst: readsHosts && dns !== undefined && dns >= 0 && dns < hostsAt }
}

/** Returns the search domains of the last `search` or `domain` line; undefined if there is none. resolv.conf(5) */
const searchOf = (text: string): readonly string[] | undefined => {
  const lines = [...text.matchAll(/^[ \t]*(search|domain)[ \t]+(.+)$/gm)]
  const [, keyword, rest = ''] = lines.at(-1) ?? []
  if (keyword === undefined) return undefined
  const domains = rest.trim().split(/\s+/).map(normalizeName)
  return (keyword === 'domain' ? domains.slice(0, 1) : domains.slice(0, MAX_DOMAINS)).filter((domain) => domain !== '')
}

/** Maximum of search domains: a gateway tries them one after another while a client waits. */
const MAX_DOMAINS = 6
