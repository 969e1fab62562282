import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export type ForwardedFamily = 'ipv4' | 'ipv6'

/** What was changed since the machine has booted. */
interface Record {
  boot: string
  /** Devices that forward IPv4 because of us. */
  devices: string[]
  /** Files of accept_ra that were 1. */
  advertised: string[]
}

const IPV4 = '/proc/sys/net/ipv4/conf'
const IPV6 = '/proc/sys/net/ipv6/conf'
const GLOBAL_IPV4 = '/proc/sys/net/ipv4/ip_forward'
const GLOBAL_IPV6 = `${IPV6}/all/forwarding`
/** Beside the switch of IPv6 that counts: whoever sets that to 1 sets this one, too. Ours is 0. */
const MARK_IPV6 = `${IPV6}/default/forwarding`

/**
 * The kernel's switches of forwarding, so that it can be told whether somebody else wants it, too (containers, virtual machines): what others
 * have switched on is never off again because of us. IPv4 forwards by device, so its global switch is left at 0 for others to set, and set
 * means theirs. IPv6 forwards by the global switch alone; setting that sets the default of new devices as well, which is put
 * back to 0, and 1 again means theirs.
 */
export class ForwardingSwitches {
  readonly #path: string | undefined
  #closed = new Set<ForwardedFamily>()
  #routers: string[] = []
  #isKnown = false
  #record: Record = { boot: bootId(), devices: [], advertised: [] }

  /** `record` is a file that survives a crash; nothing is written down without one. */
  constructor(record: string | undefined) {
    this.#path = record
  }

  /** Families that forward because of us alone. */
  get closed(): readonly ForwardedFamily[] {
    return [...this.#closed]
  }

  /** Devices that forwarded IPv4 before, although the machine did not. */
  get routers(): readonly string[] {
    return this.#routers
  }

  /** Finds out which families are ours to switch, or are still from a run that crashed, as `left` says. Changes nothing. */
  async take(left: readonly ForwardedFamily[]): Promise<void> {
    if (!this.#isKnown) this.#record = await this.#read()
    this.#isKnown = true
    const closed: ForwardedFamily[] = []
    if ((await valueOf(GLOBAL_IPV4)) === '0') closed.push('ipv4')
    const [all, mark] = [await valueOf(GLOBAL_IPV6), await valueOf(MARK_IPV6)]
    if (all === '0' || (all === '1' && mark === '0' && (left.includes('ipv6') || this.#closed.has('ipv6'))))
      closed.push('ipv6')
    const isLeft = left.includes('ipv4') && this.#record.devices.length === 0
    const on = await devicesWith('1')
    // Without a record of the run that crashed, what forwards is taken for its work.
    this.#routers =
      !closed.includes('ipv4') || isLeft ? [] : on.filter((device) => !this.#record.devices.includes(device))
    if (isLeft) this.#record.devices = on
    this.#closed = new Set(closed)
  }

  /** Has this machine forward, whatever comes and goes; `device` is the tunnel's. */
  async turnOn(device: string): Promise<void> {
    if (this.#closed.has('ipv4')) {
      const off = await devicesWith('0')
      this.#record.devices = [...new Set([...this.#record.devices, ...off])]
      await this.#write()
      for (const each of off) await writeFile(`${IPV4}/${each}/forwarding`, '1')
    }
    if (!this.#closed.has('ipv6')) return
    await this.#keepAdvertisements(device)
    if ((await valueOf(GLOBAL_IPV6)) !== '1') await writeFile(GLOBAL_IPV6, '1')
    await writeFile(MARK_IPV6, '0')
  }

  /** Lets go of what somebody else has switched on since. Says whether that is so for a family. */
  async leaveToOthers(): Promise<boolean> {
    const before = this.#closed.size
    if ((await valueOf(GLOBAL_IPV4)) === '1') this.#closed.delete('ipv4')
    if ((await valueOf(MARK_IPV6)) === '1') this.#closed.delete('ipv6')
    return this.#closed.size < before
  }

  /** Leaves the switches as they were, but for what others have set. */
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
    this.#record = { boot: bootId(), devices: [], advertised: [] }
    if (this.#path !== undefined) await rm(this.#path, { force: true })
  }

  /** A router ignores router advertisements, and would lose its own default route, unless accept_ra is 2. */
  async #keepAdvertisements(device: string): Promise<void> {
    const paths: string[] = []
    for (const name of readdirSync(IPV6)) {
      const path = `${IPV6}/${name}/accept_ra`
      if (name !== device && name !== 'all' && (await valueOf(path)) === '1') paths.push(path)
    }
    this.#record.advertised = [...new Set([...this.#record.advertised, ...paths])]
    await this.#write()
    for (const path of paths) await writeFile(path, '2')
  }

  async #read(): Promise<Record> {
    const none = { boot: bootId(), devices: [], advertised: [] }
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

/** Devices (and the default of new ones) whose switch for IPv4 has a value. */
const devicesWith = async (value: '0' | '1'): Promise<string[]> => {
  const found: string[] = []
  for (const name of readdirSync(IPV4)) {
    if (name === 'all' || name === 'lo') continue
    if ((await valueOf(`${IPV4}/${name}/forwarding`)) === value) found.push(name)
  }
  return found
}

/** Undefined where there is none, as without IPv6. */
const valueOf = async (path: string): Promise<string | undefined> =>
  existsSync(path) ? (await readFile(path, 'utf8').catch(() => '')).trim() : undefined

/** Only what is as we have left it, and is still there, is put back. */
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
