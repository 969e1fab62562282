import { runCommand } from '../../hosts/lab/command.ts'

/** What there is of networks on this machine, outside of namespaces, and where a client's backups would lie. */
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

/** What is left of one run: its namespaces, its resolver folders, its own folder, and processes that mention it. */
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
