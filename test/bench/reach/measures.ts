import { MACHINES } from '../../../hosts/lab/topology.ts'
import type { Routers } from '../../../hosts/lab/network.ts'
import { percentile } from '../figure.ts'
import { compareRelays, RELAY_WAYS, type RelayRate } from '../relay.ts'
import { Bed, type BedOptions } from './bed.ts'

/** Median and the value that 95 in 100 samples do not exceed, in milliseconds. */
export interface Spread {
  p50: number
  p95: number
}

/** Says how far a measurement is. */
export type Say = (text: string) => void

/** One way, from any machine outside to any other: a hop takes 10 ms, there and back. */
const TRIP_MS = 5
/** Time for which throughput is measured, and before that, until buffers have grown and code is compiled. */
const SECONDS = 4
const WARM_UP_SECONDS = 3
const AT_HOME = { inside: '192.168.7.20', outside: '203.0.113.77' } as const
/** Places behind NATs through which peers find one another, and through which they do not. */
const homes = (translation: 'preserving' | 'random'): Routers => ({
  client: { ...AT_HOME, translation },
  'gateway-1': { inside: '10.0.0.5', outside: '203.0.113.7', translation },
})

/** Client behind a router that can drop UDP, and a relay that is reached by a WebSocket then. */
const NO_UDP = {
  routers: { client: { ...AT_HOME, translation: 'random' } },
  relays: 1,
  hasWebSocket: true,
} as const satisfies BedOptions

/** Ways to a gateway, by their keys in `first_byte_ms`: what the lab is, and the kind of the path there. */
const WAYS = {
  direct: { options: { tripMs: TRIP_MS }, kind: 'direct' },
  punched: { options: { tripMs: TRIP_MS, routers: homes('preserving') }, kind: 'nat' },
  relayed: { options: { tripMs: TRIP_MS, routers: homes('random'), relays: 1 }, kind: 'relayed' },
  websocket: { options: { tripMs: TRIP_MS, ...NO_UDP }, kind: 'websocket' },
} as const satisfies Record<string, { options: BedOptions; kind: string }>

/** Ways whose first byte is measured. */
export type WayName = keyof typeof WAYS
export const WAY_NAMES = Object.keys(WAYS) as WayName[]

/** Measures first packets without delay: to a gateway, with client and gateway just started, and to a further resource. */
export const lan = async (samples: number, say: Say): Promise<{ first: number; further: number }> => {
  const bed = await Bed.open()
  const first: number[] = []
  const further: number[] = []
  try {
    for (let sample = 1; sample <= samples; sample++) {
      await bed.startPeers()
      first.push(await bed.firstAnswer('first'))
      further.push(await bed.firstAnswer('further'))
      await bed.stopPeers()
      say(`lan_ms ${sample} of ${samples}: first ${shown(first)}, further ${shown(further)}`)
    }
  } finally {
    await bed.close()
  }
  return { first: percentile(first, 0.5), further: percentile(further, 0.5) }
}

/** Measures first packets where a hop takes 10 ms, after all grants were withdrawn. */
export const firstByte = async (way: WayName, samples: number, say: Say): Promise<Spread> => {
  const { options, kind } = WAYS[way]
  const bed = await Bed.open(options)
  const taken: number[] = []
  try {
    if (kind === 'websocket') await bed.dropUdp(true)
    await bed.startPeers()
    say(`first_byte_ms.${way}: a ping to the portal takes ${(await bed.ping()).toFixed(1)} ms`)
    // The first one is not counted: lan_ms is about what a start costs.
    for (let sample = 0; sample <= samples; sample++) {
      const milliseconds = await bed.firstAnswer('first')
      await bed.pathIs(kind)
      if (sample > 0) taken.push(milliseconds)
      if (sample > 0) say(`first_byte_ms.${way} ${sample} of ${samples}: ${shown(taken)}`)
      await bed.withdrawAll()
    }
  } finally {
    await bed.close()
  }
  return spread(taken)
}

/** Compares our relay with coturn; returns the least favourable of the ratios. */
export const relayRatio = async (say: Say): Promise<number> => {
  const { portreeve, coturn, ratios } = await compareRelays()
  if (coturn === undefined || ratios === undefined) throw new Error('there is no coturn to compare with (turnserver)')
  for (const [way, name] of Object.entries(RELAY_WAYS) as [keyof RelayRate, string][]) {
    const [ours, theirs] = [portreeve[way], coturn[way]].map((rate) => (rate / 1e6).toFixed(0))
    say(`relay_ratio, ${name}: ${ours} and coturn ${theirs} MB per processor second, ${ratios[way].toFixed(2)} times`)
  }
  return Math.min(...Object.values(ratios))
}

/** Measures TCP by the WebSocket and by the direct path in turns, in one network; returns the ratio of the medians. */
export const webSocketRatio = async (rounds: number, say: Say): Promise<number> => {
  const bed = await Bed.open(NO_UDP)
  const rates = { direct: [] as number[], websocket: [] as number[] }
  try {
    await bed.startPeers()
    await bed.firstAnswer('first')
    for (let round = 1; round <= rounds; round++) {
      for (const way of ['direct', 'websocket'] as const) {
        await bed.dropUdp(way === 'websocket')
        const kinds = way === 'websocket' ? ['websocket'] : ['direct', 'nat']
        const kind = await bed.pathBecomes(...kinds)
        await bed.throughput(WARM_UP_SECONDS)
        const rate = await bed.throughput(SECONDS)
        await bed.pathIs(...kinds)
        rates[way].push(rate)
        say(`websocket_ratio ${round} of ${rounds}: ${(rate / 1e6).toFixed(0)} Mbit/s, path ${kind}`)
      }
    }
  } finally {
    await bed.close()
  }
  return percentile(rates.websocket, 0.5) / percentile(rates.direct, 0.5)
}

/** Measures the longest silence when the client's address changes. */
export const roam = async (samples: number, say: Say): Promise<Spread> => {
  const bed = await Bed.open()
  const taken: number[] = []
  try {
    await bed.startPeers()
    const addresses = [MACHINES.client.outside, '203.0.113.201']
    for (let sample = 1; sample <= samples; sample++) {
      const [from = '', to = ''] = addresses
      taken.push(await bed.silence(() => bed.roam(from, to)))
      addresses.reverse()
      say(`roam_ms ${sample} of ${samples}: ${shown(taken)}`)
    }
  } finally {
    await bed.close()
  }
  return spread(taken)
}

/** Measures the longest silence when the relay in use is killed, and another one is there. */
export const relayKilled = async (samples: number, say: Say): Promise<Spread> => {
  const taken: number[] = []
  for (let sample = 1; sample <= samples; sample++) {
    const bed = await Bed.open({ routers: homes('random'), relays: 2 })
    try {
      await bed.startPeers()
      await bed.firstAnswer('first')
      const { relay } = await bed.pathIs('relayed')
      const silence = await bed.silence(() => Promise.resolve(bed.killRelay(relay ?? '')))
      await bed.pathIs('relayed')
      taken.push(silence)
    } finally {
      await bed.close()
    }
    say(`relay_killed_ms ${sample} of ${samples}: ${shown(taken)}`)
  }
  return spread(taken)
}

const spread = (taken: readonly number[]): Spread => ({ p50: percentile(taken, 0.5), p95: percentile(taken, 0.95) })
const shown = (taken: readonly number[]): string => `${(taken.at(-1) ?? Number.NaN).toFixed(1)} ms`
