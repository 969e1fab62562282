import type { ResolverConfiguration } from '../../../core/runtime/network-configuration.ts'
import { CommandError, runCommand } from '../process/run-command.ts'

type Settings = Parameters<ResolverConfiguration['set']>[0]

/**
 * Makes systemd-resolved send queries for all names to the tunnel device's servers. It forgets the settings when the
 * device is removed, so a crashed process leaves nothing behind.
 */
export class Resolved implements ResolverConfiguration {
  #device: string | undefined

  async set({ device, servers, searchDomain }: Settings): Promise<void> {
    this.#device = device
    await runCommand('resolvectl', ['dns', device, ...servers])
    // `~.` routes all names to this device, except those in more specific domains of other devices.
    await runCommand('resolvectl', ['domain', device, '~.', ...(searchDomain === undefined ? [] : [searchDomain])])
    await runCommand('resolvectl', ['default-route', device, 'yes'])
    await runCommand('resolvectl', ['llmnr', device, 'no'])
    await runCommand('resolvectl', ['mdns', device, 'no'])
    await runCommand('resolvectl', ['flush-caches'])
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
