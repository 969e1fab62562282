import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_RANGES, type AddressRanges } from '../../../core/net/address-ranges.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { ForwardingOptions, NetworkConfiguration } from '../../../core/runtime/network-configuration.ts'
import { DeviceAddresses, enableIpv6 } from './device-addresses.ts'
import { DeviceGuard } from './device-guard.ts'
import { ForeignFirewalls } from './foreign-firewalls.ts'
import { Forwarding } from './forwarding.ts'
import type { HostPart } from './host-part.ts'
import { canonicalPrefix } from './ip-command.ts'
import { LegacyFirewall } from './legacy-firewall.ts'
import { claimMachine } from './machine-owner.ts'
import { endConnections } from './open-connections.ts'
import { Routing } from './routing.ts'
import { HostProblemError, type Upkeep } from './upkeep.ts'

export interface LinuxNetworkOptions {
  /** Role of this process; a gateway's answers from all of its addresses may go into the tunnel. Client by default. */
  role?: 'client' | 'gateway'
  logger?: Logger
  stateFolder?: string
  /** Keeps the configuration in force. */
  upkeep: Upkeep
}

/**
 * Configures Linux's network with `ip` and `nft`, and keeps the configuration in force. Applies differences only, so
 * that a repeated call disturbs nothing.
 */
export class LinuxNetworkConfiguration implements NetworkConfiguration {
  readonly #logger: Logger | undefined
  readonly #upkeep: Upkeep
  readonly #addresses = new DeviceAddresses()
  readonly #guard = new DeviceGuard()
  readonly #routing: Routing
  readonly #forwarding: Forwarding
  readonly #firewalls = new ForeignFirewalls()
  readonly #legacy = new LegacyFirewall()
  #ranges: AddressRanges = DEFAULT_RANGES
  readonly #role: 'client' | 'gateway'
  /** Addresses of the device, without prefix length; and those that it had when routes were last set, with these. */
  #bare: readonly string[] = []
  #from: readonly string[] = []
  #routed: readonly string[] = []

  /** `stateFolder`: folder for a record of changes to the machine, to undo them after a crash. */
  constructor({ role = 'client', logger, stateFolder, upkeep }: LinuxNetworkOptions) {
    this.#logger = logger
    this.#upkeep = upkeep
    this.#role = role
    this.#routing = new Routing({ leavesReplies: role === 'client' })
    this.#forwarding = new Forwarding({
      record: stateFolder === undefined ? undefined : join(stateFolder, 'forwarding.json'),
    })
  }

  claim(device: string): Promise<void> {
    return this.#upkeep.inTurn(() => {
      checkDevice(device)
      return claimMachine(device)
    })
  }

  async setAddresses(device: string, addresses: readonly string[], ranges = DEFAULT_RANGES): Promise<void> {
    checkDevice(device)
    this.#ranges = ranges
    const wanted = await this.#usable(device, addresses)
    this.#bare = wanted.map((each) => each.replace(/\/.*/, ''))
    this.#guard.want({ device, addresses: this.#bare, forwards: false, own: ranges.own })
    // Before the device has an address: otherwise the machine would answer neighbours for a moment.
    await unlessKnown(this.#upkeep.keep(this.#guard))
    this.#addresses.want(device, wanted)
    await this.#upkeep.keep(this.#addresses)
  }

  async setRoutes(device: string, prefixes: readonly string[]): Promise<number> {
    checkDevice(device)
    const { routed, from } = { routed: this.#routed, from: this.#from }
    this.#routed = await this.#usable(device, prefixes)
    this.#from = this.#bare
    this.#routing.want({ device, prefixes: this.#routed, ranges: this.#ranges })
    await this.#upkeep.keep(this.#routing)
    if (this.#role === 'gateway') return 0
    const kept = this.#routed
    const moved = from.filter((address) => !this.#bare.includes(address))
    const removed = routed.filter((prefix) => !kept.includes(prefix))
    return (
      (await endConnections({ from, gone: removed, kept })) +
      (await endConnections({ from: moved, gone: EVERYTHING, kept: [] }))
    )
  }

  async enableForwarding(device: string, options: ForwardingOptions): Promise<void> {
    this.#forwarding.want(device, { ...options, tunnel: this.#ranges.tunnel })
    await this.#upkeep.keep(this.#forwarding)
    this.#firewalls.want(device)
    await unlessKnown(this.#upkeep.keep(this.#firewalls))
    this.#legacy.want(device)
    await unlessKnown(this.#upkeep.keep(this.#legacy))
    this.#guard.leaveForwarding()
    await unlessKnown(this.#upkeep.keep(this.#guard))
  }

  async clear(): Promise<void> {
    // The guard goes last: until then nothing of the tunnel is open to neighbours.
    const parts: (HostPart & { clear: () => Promise<void> })[] = [
      this.#legacy,
      this.#firewalls,
      this.#forwarding,
      this.#routing,
      this.#addresses,
      this.#guard,
    ]
    for (const part of parts) await this.#upkeep.release(part, () => part.clear())
  }

  /** Returns canonical prefixes, without IPv6 if the machine or the device has none. */
  async #usable(device: string, addresses: readonly string[]): Promise<string[]> {
    const withIpv6 = existsSync('/proc/sys/net/ipv6/conf/all') && (await enableIpv6(device))
    if (!withIpv6) this.#logger?.debug({ device }, 'the host has no IPv6')
    return addresses.map((text) => canonicalPrefix(text)).filter((prefix) => withIpv6 || !prefix.includes(':'))
  }
}

/** Awaits a part without which the others work. Its failure is a problem that is shown already. */
const unlessKnown = async (work: Promise<void>): Promise<void> => {
  try {
    await work
  } catch (error) {
    if (!(error instanceof HostProblemError)) throw error
  }
}

const EVERYTHING = ['0.0.0.0/0', '::/0']

const checkDevice = (device: string): void => {
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(device)) throw new Error(`not a device name: ${device}`)
}
