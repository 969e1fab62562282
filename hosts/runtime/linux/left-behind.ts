import { ownedDevices } from './machine-owner.ts'
import { removeGuard } from './device-guard.ts'
import { ResolvConf } from './resolv-conf.ts'
import { removeRoutes } from './route-table.ts'

/**
 * Puts the machine back where a client was killed together with its guard, as a control group is, or the machine went down under it. What is ours says
 * so by itself: the file that begins with our marker and lies beside its original, routing tables of our numbers, the nft table of our name.
 * Nothing is touched while a client or a gateway runs here.
 * @returns what was put back, in words; nothing where all was in order
 */
export const repairMachine = async (resolvConf?: string): Promise<string[]> => {
  if ((await ownedDevices()).length > 0) return []
  const repaired: string[] = []
  if (await new ResolvConf(resolvConf).recover()) repaired.push('the resolver')
  if (await removeRoutes()) repaired.push('routing rules')
  if (await removeGuard()) repaired.push('filter rules')
  return repaired
}
