import { mustRun } from './command.ts'

/**
 * Returns the kernels' counters of received packets with wrong checksums, as `NAMESPACE: TcpInCsumErrors 3`, where they
 * are not 0. A wrong checksum shows nowhere else: TCP retransmits, and every byte arrives.
 */
export const checksumErrors = async (namespaces: readonly string[]): Promise<string[]> => {
  const { stdout: list } = await mustRun('ip', ['netns', 'list'])
  const present = new Set(list.split('\n').map((line) => line.split(' ')[0]))
  const counted = namespaces
    .filter((name) => present.has(name))
    .map(async (name) => {
      const { stdout } = await mustRun('ip', ['netns', 'exec', name, 'nstat', '-asz'])
      const wrong = stdout
        .split('\n')
        .flatMap((line) => /^(\w*CsumErrors)\s+([1-9]\d*)/.exec(line)?.slice(1, 3).join(' ') ?? [])
      return wrong.map((count) => `${name}: ${count}`)
    })
  return (await Promise.all(counted)).flat()
}
