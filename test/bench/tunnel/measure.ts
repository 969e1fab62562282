import { readFileSync } from 'node:fs'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import { runIperf } from '../iperf.ts'
import { IPERF_PORT, type Bed, type Side } from './bed.ts'

/** Names of the measures, in the order of the table. */
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

/** Description of each measure, and the wanted ratio to wireguard-go. */
export const GOALS: Readonly<Record<Measure, { what: string; text: string }>> = {
  tcp1: { what: 'TCP, one stream, to the name', text: '>= 2.0' },
  tcp4: { what: 'TCP, four streams, to the address', text: '>= 2.0' },
  reverse: { what: 'TCP, one stream, from the name', text: '>= 2.0' },
  udp1g: { what: 'UDP, at 1 Gbit/s offered in datagrams of 1200 bytes', text: '>= 2.5 or 95 %' },
  cpu1g: { what: 'processor time, at 1 Gbit/s of TCP', text: '<= 0.45' },
  rtt: { what: 'round trip, median', text: '<= 0.8' },
}

export interface Figure {
  value: number
  /** Processor time of both ends of the tunnel, if data was transferred. */
  secondsPerGigabyte?: number
}

interface Transfer {
  gigabitsPerSecond: number
  /** Share of the sent data that arrived, 0 to 1. */
  delivered: number
  processorSeconds: number
  gigabytes: number
}

/** Measures one figure of one side, for `seconds`. Throws with the tool's own error. */
export const measure = async (bed: Bed, side: Side, what: Measure, seconds: number): Promise<Figure> => {
  if (what === 'rtt') return { value: await roundTrip(bed.client, side.direct, seconds) }
  const address = what === 'tcp4' || what === 'udp1g' ? side.direct : side.named
  const done = await transfer(bed.client, side, { address, seconds, args: IPERF_ARGUMENTS[what] })
  const secondsPerGigabyte = done.processorSeconds / done.gigabytes
  if (what === 'udp1g') return { value: done.delivered, secondsPerGigabyte }
  if (what !== 'cpu1g') return { value: done.gigabitsPerSecond, secondsPerGigabyte }
  // The value is scaled to 1 Gbit/s, as a slow machine transfers less.
  return { value: secondsPerGigabyte / 8 / side.pids.length, secondsPerGigabyte }
}

/** Transfers data before the measurement, until buffers have grown and code is compiled. */
export const warmUp = async (bed: Bed, side: Side): Promise<void> => {
  for (const what of ['tcp1', 'reverse', 'udp1g'] as const) await measure(bed, side, what, 1)
}

const IPERF_ARGUMENTS: Readonly<Record<Exclude<Measure, 'rtt'>, readonly string[]>> = {
  tcp1: [],
  tcp4: ['-P', '4'],
  reverse: ['-R'],
  udp1g: ['-u', '-b', '1G', '-l', '1200'],
  cpu1g: ['-b', '1G'],
}

/** Fifty pings a second: at intervals below 10 ms ping no longer sleeps, and takes a core from what it measures. */
const PING_INTERVAL_SECONDS = 0.02
/** Pings before the measurement, until code is compiled. */
const WARMING_PINGS = 8_000

/** Median round trip in milliseconds: a timer that delays one packet of twenty does not count. */
const roundTrip = async (client: Namespace, address: string, seconds: number): Promise<number> => {
  await client.mustRun('ping', ['-q', '-f', '-c', String(WARMING_PINGS), '-W', '1', address])
  const count = Math.round(seconds / PING_INTERVAL_SECONDS)
  const { stdout } = await client.mustRun('ping', ['-c', String(count), '-i', String(PING_INTERVAL_SECONDS), address])
  const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1])).toSorted((a, b) => a - b)
  return times[times.length >> 1] ?? NaN
}

const transfer = async (
  client: Namespace,
  { pids }: Side,
  { address, seconds, args }: { address: string; seconds: number; args: readonly string[] },
): Promise<Transfer> => {
  const before = processorSeconds(pids)
  const end = await runIperf(client, { address, port: IPERF_PORT, seconds, args })
  // Only the UDP server knows the share of datagrams that arrived.
  const isUdp = args.includes('-u')
  const delivered = isUdp ? 1 - (end.sum?.lost_percent ?? 100) / 100 : 1
  return {
    gigabitsPerSecond: (end.sum_received?.bits_per_second ?? 0) / 1e9,
    delivered,
    processorSeconds: processorSeconds(pids) - before,
    gigabytes: (isUdp ? (end.sum?.bytes ?? 0) * delivered : (end.sum_received?.bytes ?? 0)) / 1e9,
  }
}

/** User and system time in seconds of processes with all their threads so far. */
const processorSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    // proc(5): fields 14 and 15, in hundredths of a second.
    return sum + (Number(fields[11]) + Number(fields[12])) / 100
  }, 0)
