import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mustRun, runCommand, type CommandOptions, type CommandResult } from './command.ts'
import { removeNamespace, resolverFolder } from './namespace-removal.ts'
import { Part, type PartOptions } from './part.ts'
import type { RunDirectory } from './run-directory.ts'

export interface Veth {
  /** The name of the device here, `eth0` for example; at most 15 characters. */
  device: string
  to: Namespace
  /** The name of the device there. */
  toDevice: string
  /** A bridge there that the far end becomes a port of. */
  toBridge?: string
}

export interface Route {
  /** A prefix, or `default`. */
  to: string
  via?: string
  device?: string
}

/**
 * A network namespace of one run: a machine of its own as far as the network goes. Devices are made inside of namespaces
 * only, so that nothing of them is left when these are gone. Methods throw with what `ip` said where it fails.
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

  /** Makes `pr-<run>-<role>`, with its loopback up and a resolv.conf of its own, empty at first. */
  static async create(run: RunDirectory, role: string): Promise<Namespace> {
    const namespace = new Namespace(await run.claim(role))
    await mustRun('ip', ['netns', 'add', namespace.name])
    await namespace.ip(['link', 'set', 'lo', 'up'])
    await namespace.resolvConf('')
    return namespace
  }

  /** Runs a command in it and waits for its end, whatever its exit. */
  run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  /** Runs a command in it that has to succeed. */
  mustRun(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return mustRun('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  /** Starts a process in it: its pid is the command's own, as `ip` becomes it. */
  spawn(command: string, args: readonly string[], options: PartOptions): Part {
    return new Part('ip', ['netns', 'exec', this.name, command, ...args], options)
  }

  /** `ip` about this namespace. */
  async ip(args: readonly string[]): Promise<string> {
    const { stdout } = await mustRun('ip', ['-n', this.name, ...args])
    return stdout
  }

  /** Joins it to another namespace by a pair of devices, both up. */
  async veth({ device, to, toDevice, toBridge }: Veth): Promise<void> {
    await this.ip(['link', 'add', device, 'type', 'veth', 'peer', 'name', toDevice, 'netns', to.name])
    if (toBridge !== undefined) await to.ip(['link', 'set', toDevice, 'master', toBridge])
    await this.ip(['link', 'set', device, 'up'])
    await to.ip(['link', 'set', toDevice, 'up'])
  }

  /** Makes a bridge in it, up: the switch of a network. */
  async bridge(device: string): Promise<void> {
    await this.ip(['link', 'add', device, 'type', 'bridge'])
    // Its address would be the lowest of its ports' otherwise, and change under machines that know it as their router's when another joins: those
    // then send into the void until IPv6 looks for the router again, which takes half a minute.
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

  /** Replaces what processes that are started in it from now on see as /etc/resolv.conf. */
  async resolvConf(text: string): Promise<void> {
    await this.etc('resolv.conf', text)
  }

  /** Writes what processes that are started in it from now on see as a file of /etc; those that saw it before see it change. */
  async etc(file: string, text: string): Promise<void> {
    await mkdir(resolverFolder(this.name), { recursive: true })
    await writeFile(join(resolverFolder(this.name), file), text)
  }

  /** Ends every process in it and removes it. */
  async delete(): Promise<void> {
    await removeNamespace(this.name)
  }
}
