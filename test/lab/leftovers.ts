import { runCommand } from '../../hosts/lab/command.ts'

/** Network devices, routes, rules, resolv.conf and file names in /etc of this machine, outside of namespaces. */
export const machineState = async (): Promise<string[]> => {
  const outputs = await Promise.all([
    runCommand('ip', ['-br', 'link']),
    runCommand('ip', ['route', 'show', 'table', 'all']),
    runCommand('ip', ['rule']),
    runCommand('cat', ['/etc/resolv.conf']),
    runCommand('ls', ['/etc']),
  ])
  return outputs.flatMap(({ stdout }) => stdout.split('\n').filter((line) => !/cache|expires/.test(line)))
}

/** Leftovers of one run: its namespaces, its resolver folders, its own folder, and processes that mention it. */
export const leftOf = async (runId: string): Promise<string[]> => {
  const [namespaces, folders, runs, processes] = await Promise.all([
    runCommand('ip', ['netns', 'list']),
    runCommand('ls', ['/etc/netns']),
    runCommand('ls', ['/run/portreeve-lab']),
    runCommand('ps', ['-eo', 'pid,args']),
  ])
  const lines = [namespaces, folders, runs, processes].flatMap(({ stdout }) => stdout.split('\n'))
  return lines.filter((line) => line.includes(runId))
}
