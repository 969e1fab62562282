import { existsSync, realpathSync } from 'node:fs'
import { isHostName } from '../../../core/runtime/host-name.ts'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { ResolverConfiguration } from '../../../core/runtime/network-configuration.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { runCommand } from '../process/run-command.ts'
import type { HostPart } from './host-part.ts'
import { ResolvConf } from './resolv-conf.ts'
import { Resolved } from './resolved.ts'
import type { ResolverSettings, ResolverWay } from './resolver-way.ts'
import { watchFile } from './stirs.ts'
import type { Upkeep } from './upkeep.ts'

/**
 * Way of setting the system's resolver; `auto` uses systemd-resolved if /etc/resolv.conf links to its file, else rewrites
 * that file, or the one that it links to.
 */
export type ResolverMode = 'auto' | 'systemd-resolved' | 'resolv-conf' | 'none'

export interface ResolverConfigurationOptions {
  mode?: ResolverMode
  /** Path of resolv.conf; `/etc/resolv.conf` by default. */
  path?: string
  logger?: Logger
  /** Keeps the configuration in force. */
  upkeep: Upkeep
}

/** Sets the system's resolver in one of the ways of `ResolverMode`, and keeps it so. */
export class LinuxResolverConfiguration implements ResolverConfiguration, HostPart {
  readonly name = 'settings of the resolver'
  readonly #mode: ResolverMode
  readonly #path: string
  readonly #logger: Logger | undefined
  readonly #upkeep: Upkeep
  #settings: ResolverSettings | undefined
  #chosen: { mode: ResolverMode; way: ResolverWay } | undefined
  #unwatch: (() => void) | undefined

  constructor({ mode = 'auto', path = '/etc/resolv.conf', logger, upkeep }: ResolverConfigurationOptions) {
    this.#mode = mode
    this.#path = path
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
      if (chosen !== undefined) await chosen.way.restore()
      else if (this.#mode !== 'none') await new ResolvConf(this.#path).recover()
    })
  }

  async compare(): Promise<Comparison> {
    if (this.#chosen === undefined) return { lacking: [this.#path], problems: [] }
    // The file may have become another program's link, or ceased to be one.
    const isOutdated = (await this.#detect()) !== this.#chosen.mode
    return { lacking: isOutdated ? [] : await this.#chosen.way.lacking(), problems: [], isOutdated }
  }

  async repair(): Promise<void> {
    if (this.#settings === undefined) return
    const mode = await this.#detect()
    if (this.#chosen !== undefined && this.#chosen.mode !== mode) {
      await this.#chosen.way.restore()
      this.#chosen = undefined
    }
    if (this.#chosen === undefined) {
      this.#logger?.debug({ mode }, 'how the resolver is set')
      this.#chosen = { mode, way: mode === 'systemd-resolved' ? new Resolved() : new ResolvConf(this.#path) }
    }
    await this.#chosen.way.set(this.#settings)
  }

  problemOf(error: unknown): HostProblem {
    return resolverProblem(error, this.#path)
  }

  #detect(): Promise<'systemd-resolved' | 'resolv-conf'> {
    return this.#mode === 'systemd-resolved' || this.#mode === 'resolv-conf'
      ? Promise.resolve(this.#mode)
      : detect(this.#path)
  }
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

const detect = async (path: string): Promise<'systemd-resolved' | 'resolv-conf'> => {
  try {
    if (!existsSync(path) || !realpathSync(path).startsWith('/run/systemd/resolve/')) return 'resolv-conf'
    await runCommand('resolvectl', ['dns'])
    return 'systemd-resolved'
  } catch {
    return 'resolv-conf'
  }
}
