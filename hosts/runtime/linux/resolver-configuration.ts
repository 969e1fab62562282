import { isHostName } from '../../../core/runtime/host-name.ts'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { ResolverConfiguration } from '../../../core/runtime/network-configuration.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { runCommand } from '../process/run-command.ts'
import type { HostPart } from './host-part.ts'
import { isResolvedLink, originalResolvConf, ResolvConf } from './resolv-conf.ts'
import { Resolved } from './resolved.ts'
import type { ResolverSettings, ResolverWay } from './resolver-way.ts'
import { hostServices, textOf } from './system-names.ts'
import { watchFile } from './stirs.ts'
import type { Upkeep } from './upkeep.ts'

/**
 * Way of setting the system's resolver; `auto` sets systemd-resolved, rewrites /etc/resolv.conf (or the file that it
 * links to), or does both, by who answers programs on this machine.
 */
export type ResolverMode = 'auto' | 'systemd-resolved' | 'resolv-conf' | 'none'

export interface ResolverConfigurationOptions {
  mode?: ResolverMode
  /** Path of resolv.conf; `/etc/resolv.conf` by default. */
  path?: string
  /** Path of nsswitch.conf; `/etc/nsswitch.conf` by default. */
  nsswitch?: string
  logger?: Logger
  /** Keeps the configuration in force. */
  upkeep: Upkeep
}

/** Sets the system's resolver in one of the ways of `ResolverMode`, and keeps it so. */
export class LinuxResolverConfiguration implements ResolverConfiguration, HostPart {
  readonly name = 'settings of the resolver'
  /** systemd-resolved tells nobody of the settings of its links. */
  readonly isUnwatched = true
  readonly #mode: ResolverMode
  readonly #path: string
  readonly #nsswitch: string
  readonly #logger: Logger | undefined
  readonly #upkeep: Upkeep
  #settings: ResolverSettings | undefined
  #chosen: { means: string; ways: ResolverWay[] } | undefined
  #unwatch: (() => void) | undefined

  constructor(options: ResolverConfigurationOptions) {
    const { mode = 'auto', path = '/etc/resolv.conf', nsswitch = '/etc/nsswitch.conf', logger, upkeep } = options
    this.#mode = mode
    this.#path = path
    this.#nsswitch = nsswitch
    this.#logger = logger
    this.#upkeep = upkeep
  }

  async set(settings: ResolverSettings): Promise<void> {
    checkSettings(settings)
    this.#settings = settings
    if (this.#mode === 'none') return
    this.#unwatch ??= watchFile(this.#path, () => this.#upkeep.stir())
    await this.#upkeep.keep(this)
  }

  /** Restores the system's resolver; before the first `set`, after a crashed run. */
  restore(): Promise<void> {
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#settings = undefined
    return this.#upkeep.release(this, async () => {
      const chosen = this.#chosen
      this.#chosen = undefined
      if (chosen !== undefined) await restoreAll(chosen.ways)
      else if (this.#mode !== 'none') await new ResolvConf(this.#path).recover()
    })
  }

  async compare(): Promise<Comparison> {
    if (this.#chosen === undefined) return { lacking: [this.#path], problems: [] }
    // The file may have become another program's link, or ceased to be one.
    if ((await this.#detect()).join() !== this.#chosen.means) return { lacking: [], problems: [], isOutdated: true }
    const all = await Promise.all(this.#chosen.ways.map((way) => way.compare()))
    return {
      lacking: all.flatMap(({ lacking }) => lacking),
      problems: all.flatMap(({ problems }) => problems),
      isOutdated: all.some(({ isOutdated }) => isOutdated === true),
    }
  }

  async repair(): Promise<void> {
    if (this.#settings === undefined) return
    const means = await this.#detect()
    if (this.#chosen !== undefined && this.#chosen.means !== means.join()) {
      await restoreAll(this.#chosen.ways)
      this.#chosen = undefined
    }
    if (this.#chosen === undefined) {
      this.#logger?.debug({ means }, 'how the resolver is set')
      const ways = means.map((one) => (one === 'systemd-resolved' ? new Resolved() : new ResolvConf(this.#path)))
      this.#chosen = { means: means.join(), ways }
    }
    for (const way of this.#chosen.ways) await way.set(this.#settings)
  }

  problemOf(error: unknown): HostProblem {
    return resolverProblem(error, this.#path)
  }

  #detect(): Promise<readonly Means[]> {
    return this.#mode === 'systemd-resolved' || this.#mode === 'resolv-conf'
      ? Promise.resolve([this.#mode])
      : detect(this.#path, this.#nsswitch)
  }
}

const restoreAll = async (ways: readonly ResolverWay[]): Promise<void> => {
  for (const way of ways) await way.restore()
}

/** Explains why the resolver cannot be set. `path`: path of resolv.conf. */
export const resolverProblem = (error: unknown, path: string): HostProblem => {
  const said = error instanceof Error ? error.message : String(error)
  if (error instanceof OperatorError) {
    const { code, remedy = '' } = error
    return { code: code.toLowerCase(), said: said.replace(` ${remedy}`, '').replace(/\.$/, ''), remedy, blocks: true }
  }
  return {
    code: 'resolver_failed',
    said: `names of resources are not resolved, because the resolver of this machine cannot be set: ${said}`,
    remedy: `Look whether ${path} can be written, or set \`dns\` in client.yaml to systemd-resolved where that runs, or to none.`,
    blocks: true,
  }
}

/**
 * Checks settings, which come from the portal, before they are written to a file or passed to a command. Throws if
 * invalid.
 */
const checkSettings = ({ device, servers, searchDomain }: ResolverSettings): void => {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(device)) throw new Error('not a device name')
  for (const server of servers)
    if (canonicalAddress(server) === undefined) throw new Error('a name server is not an IP address')
  if (searchDomain !== undefined && !isHostName(searchDomain)) throw new Error('the search domain is not a host name')
}

type Means = 'systemd-resolved' | 'resolv-conf'

/**
 * Finds out who answers programs on this machine. Programs that read resolv.conf ask the servers in it, which may be
 * systemd-resolved; `getaddrinfo` asks systemd-resolved before, if nsswitch.conf says so.
 */
const detect = async (path: string, nsswitch: string): Promise<readonly Means[]> => {
  const namesStub = isStub(originalResolvConf(path))
  const isAsked = namesStub || isResolvedLink(path) || asksResolved(nsswitch)
  if (!isAsked || !(await isResolvedRunning())) return ['resolv-conf']
  return namesStub ? ['systemd-resolved'] : ['systemd-resolved', 'resolv-conf']
}

/** Whether all name servers in a resolv.conf are systemd-resolved's own addresses. systemd-resolved.service(8) */
const isStub = (resolvConf: string): boolean => {
  const servers = [...resolvConf.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].map(([, server]) => server)
  return servers.length > 0 && servers.every((server) => server === '127.0.0.53' || server === '127.0.0.54')
}

/** Whether `getaddrinfo` asks systemd-resolved before, or instead of, the servers in resolv.conf. nss-resolve(8) */
const asksResolved = (nsswitch: string): boolean => {
  const services = hostServices(textOf(nsswitch))
  const [resolve, dns] = [services.indexOf('resolve'), services.indexOf('dns')]
  return resolve >= 0 && (dns < 0 || resolve < dns)
}

const isResolvedRunning = async (): Promise<boolean> => {
  try {
    await runCommand('resolvectl', ['dns'])
    return true
  } catch {
    return false
  }
}
