import { OperatorError } from '../../../core/config/operator-error.ts'
import { runCommand } from '../process/run-command.ts'
import { parseList } from './ip-command.ts'

/** A TUN device of a client or a gateway that runs in this network namespace. */
export interface OwnedDevice {
  name: string
  /** The kernel's number of it: the lower one was first. */
  index: number
  /** Whose device it is. */
  process: number
}

/** Each device says in its alias whose it is: nobody without CAP_NET_ADMIN can, and it goes with the process, however that ends. */
const ALIAS = /^Portreeve, process (\d+)$/

export const ownedDevices = async (): Promise<OwnedDevice[]> => {
  const links = parseList(await runCommand('ip', ['-j', 'link', 'show', 'type', 'tun']))
  return links.flatMap(({ ifname, ifindex, ifalias }) => {
    const [, process] = ALIAS.exec(String(ifalias)) ?? []
    return process === undefined ? [] : [{ name: String(ifname), index: Number(ifindex), process: Number(process) }]
  })
}

/**
 * Refuses where another client or gateway runs on this machine: both lead the same addresses to their device, and each would undo what the
 * other one did. Another network namespace is another machine.
 * @throws OperatorError MACHINE_TAKEN
 */
export const needFreeMachine = async (): Promise<void> => {
  const [other] = await ownedDevices()
  if (other !== undefined) throw taken(other)
}

/**
 * Marks a device as ours. Of two that start at once the first stays.
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
