import { readFile, writeFile } from 'node:fs/promises'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { runCommand } from '../process/run-command.ts'
import type { HostPart } from './host-part.ts'
import { isObject, parseList, tolerate } from './ip-command.ts'

/** Addresses of the tunnel device, which is up. */
export class DeviceAddresses implements HostPart {
  readonly name = 'addresses'
  #wanted: { device: string; addresses: readonly string[] } | undefined

  /** Device whose addresses are kept; undefined before the first `want`. */
  get device(): string | undefined {
    return this.#wanted?.device
  }

  /** Sets what is wanted. `addresses`: canonical addresses with prefix length. */
  want(device: string, addresses: readonly string[]): void {
    this.#wanted = { device, addresses }
  }

  async compare(): Promise<Comparison> {
    if (this.#wanted === undefined) return { lacking: [], problems: [] }
    const { device, addresses } = this.#wanted
    const present = await stateOf(device)
    const lacking = addresses
      .filter((address) => !present.addresses.includes(address))
      .map((address) => `the ${address.includes(':') ? 'ipv6' : 'ipv4'} address of ${device}`)
    const isIpv6Only = present.isUp && lacking.every((text) => text.includes('ipv6'))
    return { lacking: present.isUp ? lacking : [`${device} is down`, ...lacking], problems: [], isIpv6Only }
  }

  async repair(): Promise<void> {
    if (this.#wanted === undefined) return
    const { device, addresses } = this.#wanted
    // Before the device is up: the kernel would announce a link-local address of its own into the tunnel.
    if (addresses.some((each) => each.includes(':'))) {
      await runCommand('ip', ['link', 'set', 'dev', device, 'addrgenmode', 'none'])
      // `sysctl --system` may have switched it off since, for all devices.
      await enableIpv6(device)
    }
    const present = await stateOf(device)
    const lines = [
      ...present.addresses
        .filter((address) => !addresses.includes(address))
        .map((address) => `address del ${address} dev ${device}`),
      // Up before the addresses are set, as the kernel drops IPv6 addresses of a device that goes down.
      `link set dev ${device} up`,
      ...addresses
        .filter((address) => !present.addresses.includes(address))
        .map((address) => `address add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`),
    ]
    await runCommand('ip', ['-batch', '-'], `${lines.join('\n')}\n`)
  }

  /** Removes the addresses and takes the device down; it may be gone already, with the descriptor that made it. */
  async clear(): Promise<void> {
    const device = this.#wanted?.device
    this.#wanted = undefined
    if (device === undefined) return
    await tolerate(runCommand('ip', ['address', 'flush', 'dev', device]))
    await tolerate(runCommand('ip', ['link', 'set', 'dev', device, 'down']))
  }

  problemOf(error: unknown): HostProblem {
    return {
      code: 'addresses_failed',
      said: `the addresses of the tunnel device cannot be set: ${error instanceof Error ? error.message : String(error)}`,
      remedy: 'Look whether `ip address` works on this machine, and whether the process has CAP_NET_ADMIN.',
      blocks: true,
    }
  }
}

const stateOf = async (device: string): Promise<{ isUp: boolean; addresses: string[] }> => {
  const [link] = parseList(await runCommand('ip', ['-j', 'address', 'show', 'dev', device]))
  const infos = Array.isArray(link?.['addr_info']) ? link['addr_info'].filter(isObject) : []
  return {
    isUp: Array.isArray(link?.['flags']) && link['flags'].includes('UP'),
    addresses: infos.map((info) => `${String(info['local'])}/${String(info['prefixlen'])}`),
  }
}

/** Switches IPv6 on for a device, as containers often have it off for new devices. Returns whether it is on. */
export const enableIpv6 = async (device: string): Promise<boolean> => {
  try {
    await writeFile(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, '0')
    return true
  } catch {
    // The machine has no IPv6, or /proc/sys is read-only and IPv6 may be on already.
    const off = await readFile(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`, 'utf8').catch(() => '1')
    return off.trim() === '0'
  }
}
