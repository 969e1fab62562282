import type { ForwardedPacket } from '../../../core/upkeep/forward-verdict.ts'
import { runCommand } from '../process/run-command.ts'
import { parseList } from './ip-command.ts'
import { uplinks } from './uplinks.ts'

/** Comment of a gateway's rules in chains of others, by which they are recognized as its. */
export const RULE_OWNER = 'portreeve gateway'

/** Returns packets as a gateway forwards them: from the tunnel into the site, and answers. */
export const packetsThrough = async (device: string): Promise<ForwardedPacket[]> => {
  const outer = await uplinks()
  const sites = outer.length > 0 ? outer : await otherDevices(device)
  return sites.flatMap((site) => [
    { iif: device, oif: site, state: 'new' as const },
    { iif: site, oif: device, state: 'established' as const },
  ])
}

const otherDevices = async (device: string): Promise<string[]> =>
  parseList(await runCommand('ip', ['-j', 'link', 'show', 'up']))
    .map(({ ifname }) => String(ifname))
    .filter((name) => name !== device && name !== 'lo')
