import { runCommand } from '../process/run-command.ts'
import { parseList, tolerate, type IpFamily } from './ip-command.ts'

/**
 * Returns the devices with a default route, sorted: packets that arrive there are not from this machine's containers.
 */
export const uplinks = async (): Promise<string[]> => {
  const found = new Set<string>()
  for (const family of ['-4', '-6'] satisfies IpFamily[]) {
    await tolerate(
      runCommand('ip', ['-j', family, 'route', 'show', 'default']).then((text) => {
        for (const { dev } of parseList(text)) if (typeof dev === 'string') found.add(dev)
      }),
    )
  }
  return [...found].filter((device) => /^[^\s"\\]{1,15}$/.test(device)).toSorted()
}
