import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mustRun, runCommand, type CommandOptions, type CommandResult } from './command.ts'
import { removeNamespace, resolverFolder } from './namespace-removal.ts'
import { Part, type PartOptions } from './part.ts'
import type { RunDirectory } from './run-directory.ts'

/** Pair of devices that joins two namespaces. */
export interface Veth {
  /** Name of the device in this namespace, such as `eth0`; at most 15 characters. */
  device: string
  to: Namespace
  /** Name of the device in the other namespace. */
  toDevice: string
  /** Bridge of the other namespace that the device there becomes a port of. */
  toBridge?: string
}

export interface Route {
  /** Destination prefix, or `default`. */
  to: string
  via?: string
  device?: string
}

/**
 * Network namespace of a run, which serves as a machine. Devices are created inside namespaces only, so that removing
 * these removes all. Methods throw with the output of `ip` if it fails.
 *
 * ```ts
 * const run = await RunDirectory.open()
 * const left = await Namespace.create(run, 'left')
 * const right = await Namespace.create(run, 'right')
 * await left.veth({ device: 'eth0', to: right, toDevice: 'eth0' })
 * await left.address('eth0', '192.0.2.1/24')
 * await right.address('eth0', '192.0.2.2/24')
 * const { code } = await left.run('ping', ['-c1', '192.0.2.2'])
 * await run.close()
 * ```
 */
export class Namespace {
  readonly name: string

  private constructor(name: string) {
    this.name = name
  }

  /** Creates the namespace `pr-<run>-<role>`, with its loopback device up and an empty resolv.conf of its own. */
  static async create(run: RunDirectory, role: string): Promise<Namespace> {
    const namespace = new Namespace(await run.claim(role))
    await mustRun('ip', ['netns', 'add', namespace.name])
    await namespace.ip(['link', 'set', 'lo', 'up'])
    await namespace.resolvConf('')
    return namespace
  }

  /** Runs a command in the namespace and waits for its end, successful or not. */
  run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  /** Runs a command in the namespace and requires that it succeeds. */
  mustRun(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return mustRun('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  /** Starts a process in the namespace. The part's pid is the command's own, as `ip` executes it. */
  spawn(command: string, args: readonly string[], options: PartOptions): Part {
    return new Part('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  /** Runs `ip` on this namespace and returns its output. */
  async ip(args: readonly string[]): Promise<string> {
    const { stdout } = await mustRun('ip', ['-n', this.name, ...args])
    return stdout
  }

  /** Joins this namespace to another by a pair of devices, both up. */
  async veth({ device, to, toDevice, toBridge }: Veth): Promise<void> {
    await this.ip(['link', 'add', device, 'type', 'veth', 'peer', 'name', toDevice, 'netns', to.name])
    if (toBridge !== undefined) await to.ip(['link', 'set', toDevice, 'master', toBridge])
    await this.ip(['link', 'set', device, 'up'])
    await to.ip(['link', 'set', toDevice, 'up'])
  }

  /** Creates a bridge in the namespace, up, as the switch of a network. */
  async bridge(device: string): Promise<void> {
    await this.ip(['link', 'add', device, 'type', 'bridge'])
    // Sets the bridge's MAC address for good: by default it is the lowest of its ports' and may change when a port is
    // added. Machines that use the bridge as their router would then send to a wrong address until IPv6 resolves it
    // again, after 30 s.
    const { stdout } = await this.mustRun('cat', [`/sys/class/net/${device}/address`])
    await this.ip(['link', 'set', device, 'address', stdout.trim()])
    await this.ip(['link', 'set', device, 'up'])
  }

  /** Gives a device an address with its prefix length, usable at once. */
  async address(device: string, address: string): Promise<void> {
    const flags = address.includes(':') ? ['nodad'] : []
    await this.ip(['address', 'add', address, 'dev', device, ...flags])
  }

  async route({ to, via, device }: Route): Promise<void> {
    const family = `${to} ${via ?? ''}`.includes(':') ? ['-6'] : ['-4']
    await this.ip([
      ...family,
      'route',
      'add',
      to,
      ...(via === undefined ? [] : ['via', via]),
      ...(device === undefined ? [] : ['dev', device]),
    ])
  }

  /** Sets the /etc/resolv.conf seen by processes started in the namespace from here on. */
  async resolvConf(text: string): Promise<void> {
    await this.etc('resolv.conf', text)
  }

  /**
   * Writes a file that processes started in the namespace from here on see in /etc; those that see it already see it
   * change.
   */
  async etc(file: string, text: string): Promise<void> {
    await mkdir(resolverFolder(this.name), { recursive: true })
    await writeFile(join(resolverFolder(this.name), file), text)
  }

  /** Kills all processes in the namespace and removes it. */
  async delete(): Promise<void> {
    await removeNamespace(this.name)
  }
}
