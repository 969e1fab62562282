import { existsSync, realpathSync } from 'node:fs'
import { isHostName } from '../../../core/runtime/host-name.ts'
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { ResolverConfiguration } from '../../../core/runtime/network-configuration.ts'
import { runCommand } from '../process/run-command.ts'
import { ResolvConf } from './resolv-conf.ts'
import { Resolved } from './resolved.ts'

/**
 * How the system's resolver is set; `auto` uses systemd-resolved if /etc/resolv.conf links to its file, else rewrites
 * that file.
 */
export type ResolverMode = 'auto' | 'systemd-resolved' | 'resolv-conf' | 'none'

export interface ResolverConfigurationOptions {
  mode?: ResolverMode
  /** Path of resolv.conf; `/etc/resolv.conf` by default. */
  path?: string
  logger?: Logger
}

/** Sets the system's resolver in one of the ways of `ResolverMode`, chosen at the first `set`. */
export class LinuxResolverConfiguration implements ResolverConfiguration {
  readonly #mode: ResolverMode
  readonly #path: string
  readonly #logger: Logger | undefined
  #chosen: ResolverConfiguration | undefined

  constructor({ mode = 'auto', path = '/etc/resolv.conf', logger }: ResolverConfigurationOptions = {}) {
    this.#mode = mode
    this.#path = path
    this.#logger = logger
  }

  async set(settings: Parameters<ResolverConfiguration['set']>[0]): Promise<void> {
    checkSettings(settings)
    this.#chosen ??= await this.#choose()
    await this.#chosen.set(settings)
  }

  /** Restores the system's resolver; before the first `set`, after a crashed run. */
  async restore(): Promise<void> {
    if (this.#chosen !== undefined) await this.#chosen.restore()
    else if (this.#mode !== 'none') await new ResolvConf(this.#path).recover()
  }

  async #choose(): Promise<ResolverConfiguration> {
    const mode = this.#mode === 'auto' ? await detect(this.#path) : this.#mode
    this.#logger?.debug({ mode }, 'how the resolver is set')
    if (mode === 'none') return { set: () => Promise.resolve(), restore: () => Promise.resolve() }
    return mode === 'systemd-resolved' ? new Resolved() : new ResolvConf(this.#path)
  }
}

/**
 * Checks settings, which come from the portal, before they are written to a file or passed to a command. Throws if
 * invalid.
 */
const checkSettings = ({ device, servers, searchDomain }: Parameters<ResolverConfiguration['set']>[0]): void => {
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
    return 'resolv-conf' // refuses a symbolic link, with an error for the operator
  }
}
