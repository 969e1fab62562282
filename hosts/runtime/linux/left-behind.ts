import { join } from 'node:path'
import { CommandError } from '../process/run-command.ts'
import { ForeignFirewalls } from './foreign-firewalls.ts'
import { Forwarding } from './forwarding.ts'
import { LegacyFirewall } from './legacy-firewall.ts'
import { ownedDevices } from './machine-owner.ts'
import { removeGuard } from './device-guard.ts'
import { ResolvConf } from './resolv-conf.ts'
import { removeRoutes } from './route-table.ts'

/**
 * Undoes changes to the machine that a killed client has left: resolv.conf, routing rules, filter rules. They are
 * recognized by the file's marker, the tables' numbers and the nft table's name. Does nothing while a client or gateway
 * runs here.
 * @returns names of the things restored, for people; empty if all was in order
 */
export const repairMachine = async (resolvConf?: string): Promise<string[]> => {
  if ((await ownedDevices()).length > 0) return []
  const repaired: string[] = []
  if (await new ResolvConf(resolvConf).recover()) repaired.push('the resolver')
  if (await removeRoutes()) repaired.push('routing rules')
  if (await removeGuard()) repaired.push('filter rules')
  return repaired
}

/**
 * Undoes all changes to the machine that a client or gateway makes while it runs: what `repairMachine` does, and a gateway's
 * forwarding, its nft table and its rules in firewalls of others. Nothing of them may run here.
 * @returns names of the things undone, for people
 */
export const clearMachine = async ({
  device,
  stateFolder,
}: {
  device: string
  stateFolder: string
}): Promise<string[]> => {
  const undone: string[] = []
  const forwarding = new Forwarding({ record: join(stateFolder, 'forwarding.json') })
  if (await withoutProgram(() => forwarding.clearLeft())) undone.push('forwarding')
  for (const firewall of [new ForeignFirewalls(), new LegacyFirewall()]) {
    firewall.want(device)
    await firewall.clear()
  }
  return [...undone, ...(await repairMachine())]
}

/** Carries out a clearance; a machine that lacks the program for it, nft, has nothing to clear. */
const withoutProgram = async (clear: () => Promise<boolean>): Promise<boolean> => {
  try {
    return await clear()
  } catch (error) {
    if (error instanceof CommandError && error.code === 'ENOENT') return false
    throw error
  }
}
