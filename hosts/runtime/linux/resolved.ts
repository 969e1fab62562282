import { CommandError, runCommand } from '../process/run-command.ts'

import type { ResolverSettings, ResolverWay } from './resolver-way.ts'

/**
 * Makes systemd-resolved send queries for all names to the tunnel device's servers. It forgets the settings when the
 * device is removed, so a crashed process leaves nothing behind.
 */
export class Resolved implements ResolverWay {
  #device: string | undefined
  #wanted: { dns: string; domain: string } | undefined

  async set({ device, servers, searchDomain }: ResolverSettings): Promise<void> {
    this.#device = device
    await runCommand('resolvectl', ['dns', device, ...servers])
    // `~.` routes all names to this device, except those in more specific domains of other devices.
    await runCommand('resolvectl', ['domain', device, '~.', ...(searchDomain === undefined ? [] : [searchDomain])])
    await runCommand('resolvectl', ['default-route', device, 'yes'])
    await runCommand('resolvectl', ['llmnr', device, 'no'])
    await runCommand('resolvectl', ['mdns', device, 'no'])
    await runCommand('resolvectl', ['flush-caches'])
    this.#wanted = await shown(device)
  }

  /** Compares with the settings as they were shown right after they were made; a restart of the daemon forgets them. */
  async lacking(): Promise<readonly string[]> {
    const [device, wanted] = [this.#device, this.#wanted]
    if (device === undefined || wanted === undefined) return ['its settings']
    const present = await shown(device)
    return [
      ...(present.dns === wanted.dns ? [] : [`the servers of ${device} in systemd-resolved`]),
      ...(present.domain === wanted.domain ? [] : [`the domains of ${device} in systemd-resolved`]),
    ]
  }

  async restore(): Promise<void> {
    const device = this.#device
    if (device === undefined) return
    this.#device = undefined
    try {
      await runCommand('resolvectl', ['revert', device])
      await runCommand('resolvectl', ['flush-caches'])
    } catch (error) {
      if (!(error instanceof CommandError)) throw error // the device or the daemon is gone, and the settings with it
    }
  }
}

const shown = async (device: string): Promise<{ dns: string; domain: string }> => ({
  dns: await runCommand('resolvectl', ['dns', device]),
  domain: await runCommand('resolvectl', ['domain', device]),
})
