import type { Namespace } from '../../hosts/lab/namespace.ts'

/** Result of a run of iperf3, as far as it is read. */
export interface IperfEnd {
  /** Data that the server received by TCP. */
  sum_received?: { bits_per_second: number; bytes: number }
  /** Sum of both ends; of UDP. */
  sum?: { lost_percent: number; bytes: number }
}

/** Runs an iperf3 client on a machine for so many seconds. Throws with the tool's own error. */
export const runIperf = async (
  machine: Namespace,
  { address, port, seconds, args = [] }: { address: string; port: number; seconds: number; args?: readonly string[] },
): Promise<IperfEnd> => {
  const all = ['-c', address, '-p', String(port), '-t', String(seconds), '-J', ...args]
  const { stdout, stderr } = await machine.run('iperf3', all, { timeoutMs: (seconds + 20) * 1_000 })
  if (stdout === '') throw new Error(`iperf3 ${all.join(' ')}: no result ${stderr}`)
  const { end, error } = JSON.parse(stdout) as { error?: string; end: IperfEnd }
  if (error !== undefined) throw new Error(`iperf3 ${all.join(' ')}: ${error}`)
  return end
}
