import { constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'

export type ForwardedFamily = 'ipv4' | 'ipv6'

/** Changes made to the kernel's switches since the machine booted. */
interface Record {
  boot: string
  /** Devices for which this program has turned IPv4 forwarding on. */
  devices: string[]
  /** Devices that forwarded IPv4 before. */
  routers: string[]
  /** Whether this program has turned IPv6 forwarding on. */
  ipv6: boolean
  /** Paths of the accept_ra files that were changed from 1 to 2. */
  advertised: string[]
}

const emptyRecord = (): Record => ({ boot: bootId(), devices: [], routers: [], ipv6: false, advertised: [] })

/** Name of the settings that new devices inherit. */
const NEW_DEVICES = 'default'
const IPV4 = '/proc/sys/net/ipv4/conf'
const IPV6 = '/proc/sys/net/ipv6/conf'
const GLOBAL_IPV4 = '/proc/sys/net/ipv4/ip_forward'
const GLOBAL_IPV6 = `${IPV6}/all/forwarding`
/**
 * Default for new devices: the kernel sets it to 1 with the global switch. This program resets it to 0, so 1 means
 * another program.
 */
const MARK_IPV6 = `${IPV6}/default/forwarding`

/**
 * Switches the kernel's forwarding on and off such that forwarding that another program wants (containers, virtual
 * machines) is recognized and never switched off. IPv4 forwards by device, so only devices are switched: if the global
 * switch becomes 1, another program has set it. IPv6 forwards by its global switch alone; setting it also sets the
 * default for new devices, which is reset to 0, so that a later 1 is another program's.
 */
export class ForwardingSwitches {
  readonly #path: string | undefined
  #closed = new Set<ForwardedFamily>()
  #routers: string[] = []
  #isKnown = false
  #record: Record = emptyRecord()
  /** Families whose switches this process may not write. */
  readonly #locked = new Set<ForwardedFamily>()

  /** `record`: path of a file that records changes, to undo them after a crash; without it nothing is recorded. */
  constructor(record: string | undefined) {
    this.#path = record
  }

  /** Address families that forward only because this program has switched them on. */
  get closed(): readonly ForwardedFamily[] {
    return [...this.#closed]
  }

  /** Devices that forwarded IPv4 before, although the global switch was off. */
  get routers(): readonly string[] {
    return this.#routers
  }

  /**
   * Finds the families that do not forward, or forward only because of a crashed run, whose rules were found for the
   * families in `left`. Changes no switch.
   */
  async take(left: readonly ForwardedFamily[]): Promise<void> {
    const isFirst = !this.#isKnown
    if (isFirst) this.#record = await this.#read()
    this.#isKnown = true
    const closed: ForwardedFamily[] = []
    if ((await valueOf(GLOBAL_IPV4)) === '0') closed.push('ipv4')
    const [all, mark] = [await valueOf(GLOBAL_IPV6), await valueOf(MARK_IPV6)]
    const isOurs = this.#record.ipv6 || this.#closed.has('ipv6') || (isFirst && left.includes('ipv6'))
    if (all === '0' || (all === '1' && mark === '0' && isOurs)) closed.push('ipv6')
    const isLeft = isFirst && left.includes('ipv4') && this.#record.devices.length === 0
    const on = await devicesWith('1')
    if (!closed.includes('ipv4')) this.#routers = []
    // If the crashed run has left no record, every forwarding device counts as switched on by it.
    else if (isLeft) this.#routers = []
    // New devices inherit the default that this program has set.
    else if (this.#record.devices.includes(NEW_DEVICES))
      this.#routers = this.#record.routers.filter((each) => on.includes(each))
    else this.#routers = on.filter((device) => !this.#record.devices.includes(device))
    this.#record.routers = this.#routers
    if (isLeft) this.#record.devices = on
    this.#closed = new Set(closed)
  }

  /**
   * Switches forwarding on for the families found by `take`. `device` is the tunnel device. What may not be written is
   * left as it is, see `problems`.
   */
  async turnOn(device: string): Promise<void> {
    this.#locked.clear()
    if (this.#closed.has('ipv4')) {
      const devices = (await devicesWith('0')).concat(await devicesWith('1'))
      this.#record.devices = [...new Set([...this.#record.devices, ...devices])].filter(
        (each) => !this.#routers.includes(each),
      )
      await this.#write()
      for (const each of devices) await this.#set('ipv4', `${IPV4}/${each}/forwarding`, '1')
    }
    if (!this.#closed.has('ipv6')) return
    this.#record.ipv6 = true
    await this.#keepAdvertisements(device)
    if ((await valueOf(GLOBAL_IPV6)) !== '1') await this.#set('ipv6', GLOBAL_IPV6, '1')
    await this.#set('ipv6', MARK_IPV6, '0')
  }

  /** Returns words for forwarding that was switched off since, as by `sysctl --system`. */
  async lacking(): Promise<string[]> {
    const found: string[] = []
    const { devices } = this.#record
    const off = this.#closed.has('ipv4') ? await devicesWith('0') : []
    if (
      !this.#locked.has('ipv4') &&
      (this.#closed.has('ipv4') ? off.some((each) => devices.includes(each)) : (await valueOf(GLOBAL_IPV4)) === '0')
    )
      found.push('forwarding of IPv4')
    if (!this.#locked.has('ipv6') && (await valueOf(GLOBAL_IPV6)) === '0') found.push('forwarding of IPv6')
    return found
  }

  /** Returns problems with switches that are off and cannot be written. `device` is the tunnel device. */
  async problems(device: string): Promise<HostProblem[]> {
    const isDeviceOn = (await valueOf(`${IPV4}/${device}/forwarding`)) === '1'
    return (await switchedOff([...this.#locked], device)).filter(
      ({ code }) => !isDeviceOn || code !== 'ipv4_forwarding_off',
    )
  }

  /** Gives up families that another program has switched on since. Returns whether there was one. */
  async leaveToOthers(): Promise<boolean> {
    const before = this.#closed.size
    if ((await valueOf(GLOBAL_IPV4)) === '1') this.#closed.delete('ipv4')
    if ((await valueOf(MARK_IPV6)) === '1') this.#closed.delete('ipv6')
    return this.#closed.size < before
  }

  /** Restores the switches, except those that another program has set. */
  async turnOff(): Promise<void> {
    await this.leaveToOthers()
    if (this.#closed.has('ipv4')) {
      for (const device of this.#record.devices) await put(`${IPV4}/${device}/forwarding`, { from: '1', to: '0' })
    }
    if (this.#closed.has('ipv6')) {
      await put(GLOBAL_IPV6, { from: '1', to: '0' })
      for (const path of this.#record.advertised) await put(path, { from: '2', to: '1' })
    }
    this.#closed.clear()
    this.#record = emptyRecord()
    if (this.#path !== undefined) await rm(this.#path, { force: true })
  }

  /** Sets accept_ra to 2: otherwise a router ignores router advertisements and would lose its own default route. */
  async #keepAdvertisements(device: string): Promise<void> {
    const paths: string[] = []
    for (const name of readdirSync(IPV6)) {
      const path = `${IPV6}/${name}/accept_ra`
      if (name !== device && name !== 'all' && (await valueOf(path)) === '1') paths.push(path)
    }
    this.#record.advertised = [...new Set([...this.#record.advertised, ...paths])]
    await this.#write()
    for (const path of paths) await this.#set('ipv6', path, '2')
  }

  /** Writes a switch unless it has the value, as /proc/sys may be read-only. */
  async #set(family: ForwardedFamily, path: string, value: string): Promise<void> {
    if ((await valueOf(path)) === value) return
    try {
      await writeFile(path, value)
    } catch (error) {
      if (!isRefusal(error)) throw error
      this.#locked.add(family)
    }
  }

  async #read(): Promise<Record> {
    const none = emptyRecord()
    if (this.#path === undefined) return none
    const text = await readFile(this.#path, 'utf8').catch(() => '{}')
    try {
      const known = JSON.parse(text) as Partial<Record>
      return known.boot === none.boot ? { ...none, ...known } : none
    } catch {
      return none
    }
  }

  async #write(): Promise<void> {
    if (this.#path === undefined) return
    await mkdir(dirname(this.#path), { recursive: true })
    await writeFile(this.#path, JSON.stringify(this.#record), { mode: 0o600 })
  }
}

/** Whether an error says that a file may not be written: /proc/sys is read-only, as in a container. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['EROFS', 'EACCES', 'EPERM'].includes(String(error.code))

const hasGlobalIpv6 = (tunDevice: string | undefined): boolean =>
  Object.entries(networkInterfaces()).some(
    ([device, infos = []]) =>
      device !== tunDevice &&
      infos.some(({ family, internal, scopeid }) => family === 'IPv6' && !internal && scopeid === 0),
  )

/** Returns problems with families that this machine does not forward, and that this process could not switch on. */
export const lockedForwarding = async (): Promise<HostProblem[]> => {
  const isLocked = (path: string): Promise<boolean> => access(path, constants.W_OK).then(() => false, isRefusal)
  return switchedOff([
    ...((await isLocked(GLOBAL_IPV4)) ? ['ipv4' as const] : []),
    ...((await isLocked(GLOBAL_IPV6)) ? ['ipv6' as const] : []),
  ])
}

/** Returns problems with those of the families whose global switch is off. `device` is the tunnel device, if there is one. */
const switchedOff = async (families: readonly ForwardedFamily[], device?: string): Promise<HostProblem[]> => {
  const found: HostProblem[] = []
  const isOff = async (family: ForwardedFamily, path: string): Promise<boolean> =>
    families.includes(family) && (await valueOf(path)) === '0'
  if (await isOff('ipv4', GLOBAL_IPV4)) found.push(offProblem('IPv4', 'net.ipv4.ip_forward'))
  // A machine without IPv6 addresses has nowhere to forward to.
  if ((await isOff('ipv6', GLOBAL_IPV6)) && hasGlobalIpv6(device))
    found.push(offProblem('IPv6', 'net.ipv6.conf.all.forwarding'))
  return found
}

/**
 * Returns the problem of a family that is not forwarded. That of IPv4 keeps a gateway from being chosen for all resources:
 * most are reached by IPv4, and the portal does not know to which families the names of a site lead. That of IPv6 does
 * not: applications try both families (RFC 8305), and go on by IPv4.
 */
const offProblem = (family: string, name: string): HostProblem => ({
  code: `${family.toLowerCase()}_forwarding_off`,
  said: `this machine does not forward ${family}, and /proc/sys is read-only for the gateway`,
  remedy: `Switch it on from outside: \`sysctl -w ${name}=1\`, or for a container \`--sysctl ${name}=1\`.`,
  blocks: family === 'IPv4',
})

/** Returns the devices, and `default` for new ones, whose IPv4 forwarding switch has a value. */
const devicesWith = async (value: '0' | '1'): Promise<string[]> => {
  const found: string[] = []
  for (const name of readdirSync(IPV4)) {
    if (name === 'all' || name === 'lo') continue
    if ((await valueOf(`${IPV4}/${name}/forwarding`)) === value) found.push(name)
  }
  return found
}

/** Reads a switch; undefined if it does not exist, as without IPv6. */
const valueOf = async (path: string): Promise<string | undefined> =>
  existsSync(path) ? (await readFile(path, 'utf8').catch(() => '')).trim() : undefined

/** Sets a switch to `to` only if it still exists and is `from`. */
const put = async (path: string, { from, to }: { from: string; to: string }): Promise<void> => {
  if ((await valueOf(path)) === from) await writeFile(path, to).catch(() => undefined)
}

const bootId = (): string => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
