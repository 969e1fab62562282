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
