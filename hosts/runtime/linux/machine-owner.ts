import { OperatorError } from '../../../core/config/operator-error.ts'
import { runCommand } from '../process/run-command.ts'
import { parseList } from './ip-command.ts'

/** TUN device of a client or gateway that runs in this network namespace. */
export interface OwnedDevice {
  name: string
  /** Interface index; of two devices, the lower one was created first. */
  index: number
  /** Id of the process that owns the device. */
  process: number
}

/**
 * Alias of a client's or gateway's device, which names its process. Only CAP_NET_ADMIN can set an alias, and it is gone
 * as soon as the process ends.
 */
const ALIAS = /^Portreeve, process (\d+)$/

/** Returns the TUN devices of all clients and gateways in this network namespace. */
export const ownedDevices = async (): Promise<OwnedDevice[]> => {
  const links = parseList(await runCommand('ip', ['-j', 'link', 'show', 'type', 'tun']))
  return links.flatMap(({ ifname, ifindex, ifalias }) => {
    const [, process] = ALIAS.exec(String(ifalias)) ?? []
    return process === undefined ? [] : [{ name: String(ifname), index: Number(ifindex), process: Number(process) }]
  })
}

/**
 * Checks that no other client or gateway runs on this machine: both would route the same addresses to their device and
 * undo each other's changes. Another network namespace counts as another machine.
 * @throws OperatorError MACHINE_TAKEN
 */
export const needFreeMachine = async (): Promise<void> => {
  const [other] = await ownedDevices()
  if (other !== undefined) throw taken(other)
}

/**
 * Marks a device as this process's own. If two processes start at once, the one with the older device stays.
 * @throws OperatorError MACHINE_TAKEN
 */
export const claimMachine = async (device: string): Promise<void> => {
  await runCommand('ip', ['link', 'set', 'dev', device, 'alias', `Portreeve, process ${process.pid}`])
  const all = await ownedDevices()
  const own = all.find(({ name }) => name === device)
  const [first] = all.filter(({ name, index }) => name !== device && index < (own?.index ?? Infinity))
  if (first !== undefined) throw taken(first)
}

const taken = ({ name, process: pid }: OwnedDevice): OperatorError =>
  new OperatorError(
    'MACHINE_TAKEN',
    `another Portreeve client or gateway runs on this machine: process ${pid}, with the device ${name}.`,
    'A machine has room for one. End the other one first, or run this one in a network namespace (a container) of its own.',
  )
