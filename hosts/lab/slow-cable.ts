import { mustRun } from './command.ts'
import { Namespace } from './namespace.ts'
import type { Part } from './part.ts'
import { labProgram } from './program.ts'
import type { SlowCableInput } from './program/slow-cable.ts'
import type { RunDirectory } from './run-directory.ts'
import { MACHINES, NETWORKS, type MachineName } from './topology.ts'

/** A cable on which packets take long, or are lost, in each direction. */
export interface SlowCable {
  delayMs: number
  /** Share of packets that are lost, 0 to 1; none by default. */
  loss?: number
}

/** Ends of the cable in its own namespace, and the device of the program that holds packets back. */
const NEAR = 'near'
const FAR = 'far'
const HELD = 'held'
/** Routing table of packets that have yet to be held back. */
const TABLE = '77'
const PREFIX = '203.0.113.'
/** Address, in the outside network, of the cable of the first machine; those of the others follow. */
const FIRST_ADDRESS = 230

/**
 * Puts a slow cable between a machine, or its router, and the switch of the outside network. `address` is the machine's
 * there. The kernels of many machines have no netem, so packets pass a program: a namespace between both ends answers
 * for each towards the other (proxy ARP), and routes what comes through the program's device.
 */
export const slowDown = async (
  run: RunDirectory,
  { machine, address, cable }: { machine: MachineName; address: string; cable: SlowCable },
): Promise<Part> => {
  const switches = `pr-${run.id}-switches`
  const port = `o-${machine}`
  const between = await Namespace.create(run, `cable-${machine}`)
  await mustRun('ip', ['-n', switches, 'link', 'set', port, 'netns', between.name, 'name', NEAR])
  await between.ip(['link', 'set', NEAR, 'up'])
  await between.ip(['link', 'add', FAR, 'type', 'veth', 'peer', 'name', port, 'netns', switches])
  await between.ip(['link', 'set', FAR, 'up'])
  await mustRun('ip', ['-n', switches, 'link', 'set', port, 'master', 'outside', 'up'])
  const settings = [
    'ip_forward=1',
    'conf.all.rp_filter=0',
    'conf.all.send_redirects=0',
    `conf.${NEAR}.proxy_arp=1`,
    `neigh.${NEAR}.proxy_delay=0`,
    `neigh.${FAR}.proxy_delay=0`,
  ]
  await between.mustRun('sysctl', ['-qw', ...settings.map((setting) => `net.ipv4.${setting}`)])
  const input: SlowCableInput = { device: HELD, delayMs: cable.delayMs, loss: cable.loss ?? 0 }
  const part = between.spawn(process.execPath, labProgram('slow-cable'), {
    name: `cable of ${machine}`,
    input: JSON.stringify(input),
  })
  await part.line((line) => line === 'ready')
  await between.ip(['link', 'set', HELD, 'up'])
  // Asks for others' hardware addresses by this one.
  await between.address(FAR, `${PREFIX}${FIRST_ADDRESS + Object.keys(MACHINES).indexOf(machine)}/32`)
  await between.route({ to: `${PREFIX}0/${NETWORKS.outside.prefix}`, device: FAR })
  await between.route({ to: `${address}/32`, device: NEAR })
  await between.ip(['neigh', 'add', 'proxy', address, 'dev', FAR])
  await between.ip(['route', 'add', 'default', 'dev', HELD, 'table', TABLE])
  for (const device of [NEAR, FAR]) await between.ip(['rule', 'add', 'iif', device, 'lookup', TABLE])
  return part
}
