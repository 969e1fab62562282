import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatPrefix } from '../../../core/net/prefix.ts'
import { MAPPED_ADDRESSES, SENTINEL_ADDRESSES, TUNNEL_ADDRESSES } from '../../../core/net/reserved-range.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import { runCommand } from '../process/run-command.ts'
import { DeviceGuard } from './device-guard.ts'
import { ForeignFirewalls } from './foreign-firewalls.ts'
import { Forwarding } from './forwarding.ts'
import { lockedForwarding } from './forwarding-switches.ts'
import type { HostPart } from './host-part.ts'
import { LegacyFirewall } from './legacy-firewall.ts'
import { ownedDevices } from './machine-owner.ts'
import { targetOfResolvConf } from './resolv-conf.ts'
import { resolverProblem, type ResolverMode } from './resolver-configuration.ts'
import { Routing } from './routing.ts'

export interface MachineQuestion {
  role: 'client' | 'gateway'
  /** Name that the tunnel device would have. */
  device: string
  /** How a client would set the resolver. */
  dns?: ResolverMode
  resolvConf?: string
}

/** Finds what would be in the way of a client or gateway on this machine. Changes nothing. */
export const checkMachine = async ({
  role,
  device,
  dns = 'none',
  resolvConf = '/etc/resolv.conf',
}: MachineQuestion): Promise<HostProblem[]> => {
  const isGateway = role === 'gateway'
  const routing = new Routing({ leavesReplies: !isGateway })
  const ranges = isGateway ? TUNNEL_ADDRESSES : [...MAPPED_ADDRESSES, ...SENTINEL_ADDRESSES]
  routing.want({ device, prefixes: ranges.map(formatPrefix) })
  const firewalls = new ForeignFirewalls()
  firewalls.want(device)
  const legacy = new LegacyFirewall()
  legacy.want(device)
  const found = [...(await takenBy()), ...(await problemsOf(routing))]
  const noNft = await runCommand('nft', ['list', 'tables']).then(() => undefined, asIs)
  if (noNft !== undefined) found.push((isGateway ? new Forwarding() : new DeviceGuard()).problemOf(noNft))
  if (isGateway) found.push(...(await lockedForwarding()))
  if (isGateway && noNft === undefined) found.push(...(await problemsOf(firewalls)))
  if (isGateway) found.push(...(await problemsOf(legacy)))
  if (dns === 'auto' || dns === 'resolv-conf') found.push(...(await resolverProblems(resolvConf)))
  return found
}

const problemsOf = async (part: HostPart): Promise<readonly HostProblem[]> => {
  try {
    return (await part.compare()).problems
  } catch (error) {
    return [part.problemOf(error)]
  }
}

const takenBy = async (): Promise<HostProblem[]> => {
  const owned = await ownedDevices().catch(() => [])
  return owned.slice(0, 1).map(({ name, process: pid }) => ({
    code: 'machine_taken',
    said: `another Portreeve client or gateway runs on this machine: process ${pid}, with the device ${name}`,
    remedy: 'A machine has room for one: end that one first, or use a network namespace (a container).',
    blocks: true,
  }))
}

const resolverProblems = async (path: string): Promise<HostProblem[]> => {
  try {
    const target = await targetOfResolvConf(path)
    // It is replaced by renaming another file to its name, so that its folder has to be writable.
    await access(dirname(target), constants.W_OK)
    return []
  } catch (error) {
    return [resolverProblem(error, path)]
  }
}

const asIs = (error: unknown): unknown => error
