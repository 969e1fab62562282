import { readFileSync } from 'node:fs'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import { IPERF_PORT, type Bed, type Side } from './bed.ts'

/** What is measured, in the order of the table. */
export const MEASURES = ['tcp1', 'tcp4', 'reverse', 'udp1g', 'cpu1g', 'rtt'] as const
export type Measure = (typeof MEASURES)[number]

/** Units of the figures. */
export const UNITS: Readonly<Record<Measure, string>> = {
  tcp1: 'Gbit/s',
  tcp4: 'Gbit/s',
  reverse: 'Gbit/s',
  udp1g: 'delivered',
  cpu1g: 'cores a side',
  rtt: 'ms',
}

interface IperfReport {
  error?: string
  end: {
    sum_received?: { bits_per_second: number }
    sum?: { lost_percent: number; packets: number; bits_per_second: number }
  }
}

const UDP_BYTES = '1200'

/** One figure of one side, in `seconds`. Throws with what the tool said. */
export const measure = async (bed: Bed, side: Side, what: Measure, seconds: number): Promise<number> => {
  const { client } = bed
  switch (what) {
    case 'tcp1':
      return tcp(client, side.named, seconds, [])
    case 'tcp4':
      return tcp(client, side.direct, seconds, ['-P', '4'])
    case 'reverse':
      return tcp(client, side.named, seconds, ['-R'])
    case 'udp1g': {
      const { end } = await iperf(client, side.direct, seconds, ['-u', '-b', '1G', '-l', UDP_BYTES])
      return 1 - (end.sum?.lost_percent ?? 100) / 100
    }
    case 'cpu1g': {
      // Where the machine does not get to 1 Gbit/s: what it would take at the same price per bit.
      const before = processorSeconds(side.pids)
      const rate = await tcp(client, side.named, seconds, ['-b', '1G'])
      return (processorSeconds(side.pids) - before) / (rate * seconds) / side.pids.length
    }
    case 'rtt':
      return roundTrip(client, side.direct, seconds)
  }
}

/** Fifty a second: at less than 10 ms apart, ping no longer sleeps between its packets, and takes a core from what it measures. */
const PING_INTERVAL_SECONDS = 0.02
/** Before, so that neither side is measured while it still translates its own code. */
const WARMING_PINGS = 2_000

/** The median in milliseconds: a timer of either side that falls on one packet of twenty is not the round trip. */
const roundTrip = async (client: Namespace, address: string, seconds: number): Promise<number> => {
  await client.mustRun('ping', ['-q', '-f', '-c', String(WARMING_PINGS), '-W', '1', address])
  const count = Math.round(seconds / PING_INTERVAL_SECONDS)
  const { stdout } = await client.mustRun('ping', ['-c', String(count), '-i', String(PING_INTERVAL_SECONDS), address])
  const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1])).toSorted((a, b) => a - b)
  return times[times.length >> 1] ?? NaN
}

const tcp = async (client: Namespace, address: string, seconds: number, args: readonly string[]): Promise<number> => {
  const { end } = await iperf(client, address, seconds, args)
  return (end.sum_received?.bits_per_second ?? 0) / 1e9
}

const iperf = async (
  client: Namespace,
  address: string,
  seconds: number,
  args: readonly string[],
): Promise<IperfReport> => {
  const all = ['-c', address, '-p', String(IPERF_PORT), '-t', String(seconds), '-J', ...args]
  const { stdout } = await client.run('iperf3', all, { timeoutMs: (seconds + 20) * 1_000 })
  const report = JSON.parse(stdout) as IperfReport
  if (report.error !== undefined) throw new Error(`iperf3 ${all.join(' ')}: ${report.error}`)
  return report
}

/** User and system time of processes with all their threads so far. */
const processorSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    // proc(5): fields 14 and 15, in hundredths of a second.
    return sum + (Number(fields[11]) + Number(fields[12])) / 100
  }, 0)
