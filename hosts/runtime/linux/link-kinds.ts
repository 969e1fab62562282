import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LinkKind } from '../../../core/runtime/network-interfaces.ts'

const RTF_REJECT = 0x0200

/**
 * Reads which devices a default route leads over, and returns a function that tells the kind of a device. `root` is the
 * folder with `proc` and `sys`. What cannot be read leaves a device a `link`.
 */
export const readLinkKinds = (root = '/'): ((device: string) => LinkKind) => {
  const uplinks = new Set([...ipv4Uplinks(root), ...ipv6Uplinks(root)])
  return (device) => (uplinks.has(device) ? 'uplink' : isInnerBridge(root, device) ? 'bridge' : 'link')
}

/** Returns the devices of default routes in /proc/net/route, which has the main table's: device, destination … mask. */
const ipv4Uplinks = (root: string): string[] =>
  linesOf(join(root, 'proc/net/route')).flatMap((line) => {
    const [device, destination, , flags = '', , , , mask] = line.split(/\s+/)
    const isDefault = destination === '00000000' && mask === '00000000'
    return device !== undefined && isDefault && (parseInt(flags, 16) & RTF_REJECT) === 0 ? device : []
  })

/** Returns the devices of default routes in /proc/net/ipv6_route: destination, its length … flags, device. */
const ipv6Uplinks = (root: string): string[] =>
  linesOf(join(root, 'proc/net/ipv6_route')).flatMap((line) => {
    const [destination = '', length, , , , , , , flags = '', device] = line.trim().split(/\s+/)
    const isDefault = /^0+$/.test(destination) && length === '00'
    // The kernel's own rejecting default route is on the loopback device.
    return device !== undefined && device !== 'lo' && isDefault && (parseInt(flags, 16) & RTF_REJECT) === 0
      ? device
      : []
  })

/** Whether a device is a bridge whose ports, if any, lead to containers and virtual machines only. */
const isInnerBridge = (root: string, device: string): boolean => {
  const ports = namesIn(join(root, 'sys/class/net', device, 'brif'))
  return ports !== undefined && !ports.some((port) => leadsOutside(root, port))
}

/** Whether a port of a bridge leads to another machine: a network card, or a VLAN, bond or tunnel over one. */
const leadsOutside = (root: string, port: string): boolean => {
  const folder = join(root, 'sys/class/net', port)
  if (namesIn(join(folder, 'device')) !== undefined) return true
  return linesOf(join(folder, 'uevent')).some((line) => /^DEVTYPE=(?:vlan|bond|team|vxlan|wlan)$/.test(line))
}

const linesOf = (file: string): string[] => {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    // This kernel has no such file: no IPv6, or no proc at all.
    return []
  }
}

const namesIn = (folder: string): string[] | undefined => {
  try {
    return readdirSync(folder)
  } catch {
    return undefined
  }
}
