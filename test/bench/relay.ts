// Bytes that a relay forwards per second of its processor time, beside coturn's with the same client in the same run.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Datagram, DatagramSocket } from '../../core/runtime/datagram-socket.ts'
import { endpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import { readXorAddress } from '../../core/stun/stun-attributes.ts'
import { encodeChannelData, looksLikeChannelData } from '../../core/turn/channel-data.ts'
import { ALLOCATE, requestedUdp, XOR_RELAYED_ADDRESS } from '../../core/turn/turn-attributes.ts'
import { createDatagramSockets } from '../../hosts/runtime/index.ts'
import { freePort } from '../kit/free-port.ts'
import { TurnClient, type Answer } from '../kit/turn-bench.ts'
import type { Figure } from './figure.ts'

/** Forwarding of one relay: bytes of data per second of its processor time, by way. */
export interface RelayRate {
  /** Between two of its clients. */
  clients: number
  /** Between two of its clients, each datagram sent by itself, so that the kernel joins none. */
  oneByOne: number
  /** Client to a peer elsewhere. */
  toPeer: number
  /** Peer elsewhere to a client. */
  fromPeer: number
}

export interface RelayComparison {
  portreeve: RelayRate
  /** Undefined where coturn is not installed. */
  coturn: RelayRate | undefined
  /** Portreeve's bytes divided by coturn's, by way. */
  ratios: RelayRate | undefined
}

/** Ways that are measured, and their names. */
export const RELAY_WAYS = {
  clients: 'between clients',
  oneByOne: 'between clients, one by one',
  toPeer: 'to a peer',
  fromPeer: 'from a peer',
} as const satisfies Record<keyof RelayRate, string>
const WAYS = Object.keys(RELAY_WAYS) as (keyof RelayRate)[]

/** Bytes of one datagram: a packet of 1,280 bytes in a tunnel. */
const DATAGRAM_BYTES = 1_312
/** Datagrams of one burst, as a client sends those of one packet of its kernel. */
const BURST = 32
/** Datagrams that are on their way at a time. */
const WINDOW = 512
const RELAYED_PORTS = { first: 61_000, last: 65_535 }

/** Runs both relays in turns on loopback, each way for so many milliseconds a round. */
export const compareRelays = async ({ milliseconds = 1_000, rounds = 3 } = {}): Promise<RelayComparison> => {
  const ours = await startOurs()
  const theirs = await startCoturn()
  const rates = { portreeve: [] as RelayRate[], coturn: [] as RelayRate[] }
  try {
    for (let round = 0; round < rounds; round++) {
      rates.portreeve.push(await measure(ours, milliseconds))
      if (theirs !== undefined) rates.coturn.push(await measure(theirs, milliseconds))
    }
  } finally {
    ours.process.kill()
    theirs?.process.kill()
  }
  const [portreeve, coturn] = [medianOf(rates.portreeve), theirs && medianOf(rates.coturn)]
  return { portreeve, coturn, ratios: coturn && byWay((way) => portreeve[way] / coturn[way]) }
}

/** Measures for `npm run bench`. */
export const benchRelay = async (): Promise<Figure[]> => {
  const { portreeve, coturn, ratios } = await compareRelays()
  return WAYS.flatMap((way): Figure[] => {
    const name = RELAY_WAYS[way]
    const figures: Figure[] = [{ name: `relay, ${name}`, value: portreeve[way] / 1e6, unit: 'MB per processor second' }]
    if (coturn === undefined || ratios === undefined) return figures
    return [
      ...figures,
      { name: `coturn, ${name}`, value: coturn[way] / 1e6, unit: 'MB per processor second' },
      { name: `relay to coturn, ${name}`, value: ratios[way], unit: 'times', goal: 'at least 1.5' },
    ]
  })
}

interface RunningRelay {
  process: ChildProcess
  at: Endpoint
}

const startOurs = async (): Promise<RunningRelay> => {
  const child = fileURLToPath(new URL('child/relay-process.js', import.meta.url))
  const relay = spawn(process.execPath, [child], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(relay.stdout, 'data')) as [Buffer]
  return { process: relay, at: endpoint('127.0.0.1', Number(said.toString())) }
}

const startCoturn = async (): Promise<RunningRelay | undefined> => {
  const port = await freePort('127.0.0.1')
  const { first, last } = RELAYED_PORTS
  const settings = [
    '-n --no-tls --no-dtls --no-cli --no-tcp --no-stdout-log --log-file=/dev/null --lt-cred-mech --realm=firezone',
    '--user=bench:bench --listening-ip=127.0.0.1 --relay-ip=127.0.0.1 --allow-loopback-peers',
    `--listening-port=${port} --min-port=${first} --max-port=${last}`,
    `--pidfile=${join(tmpdir(), `coturn-${port}.pid`)}`,
  ].flatMap((line) => line.split(' '))
  const relay = spawn('turnserver', settings, { stdio: 'ignore', env: { ...process.env, PATH: SEARCH_PATH } })
  const started = await Promise.race([
    once(relay, 'error').then(() => false),
    // coturn does not say when it listens; requests are repeated until it does.
    sleep(500).then(() => true),
  ])
  return started ? { process: relay, at: endpoint('127.0.0.1', port) } : undefined
}

const SEARCH_PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin`

/** Returns the processor time of a process, with all its threads, in seconds. */
const processorSeconds = ({ pid }: ChildProcess): number => {
  const fields = readFileSync(`/proc/${pid ?? 0}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
const TICKS_PER_SECOND = 100

const measure = async (relay: RunningRelay, milliseconds: number): Promise<RelayRate> => {
  const [one, two, peer] = [await BenchSocket.open(), await BenchSocket.open(), await BenchSocket.open()]
  try {
    const [atOne, atTwo] = [await one.allocate(relay.at), await two.allocate(relay.at)]
    const peerAt = endpoint('127.0.0.1', peer.port)
    for (const [client, channel, to] of [
      [one, 0x4000, atTwo],
      [two, 0x4000, atOne],
      [one, 0x4001, peerAt],
    ] as const) {
      await client.ask(relay.at, () => client.turn.bindRequest(channel, to))
    }
    const data = new Uint8Array(DATAGRAM_BYTES)
    const run = (from: BenchSocket, datagram: Datagram, to: BenchSocket, isJoined = true): Promise<number> =>
      rate({ relay, from, datagram, to, isJoined, milliseconds })
    return {
      clients: await run(one, { to: relay.at, bytes: encodeChannelData(0x4000, data) }, two),
      oneByOne: await run(one, { to: relay.at, bytes: encodeChannelData(0x4000, data) }, two, false),
      toPeer: await run(one, { to: relay.at, bytes: encodeChannelData(0x4001, data) }, peer),
      fromPeer: await run(peer, { to: atOne, bytes: data }, one),
    }
  } finally {
    for (const client of [one, two]) await client.end(relay.at)
    for (const socket of [one, two, peer]) await socket.close()
  }
}

/** Sends bursts, as many as arrive, and returns the bytes of data that have arrived by the relay's processor time. */
const rate = async (run: {
  relay: RunningRelay
  from: BenchSocket
  datagram: Datagram
  to: BenchSocket
  isJoined: boolean
  milliseconds: number
}): Promise<number> => {
  const { relay, from, datagram, to, isJoined, milliseconds } = run
  const burst = Array.from({ length: BURST }, () => datagram)
  let sent = 0
  to.received = 0
  const begun = processorSeconds(relay.process)
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    const before = to.received
    while (sent - to.received < WINDOW) {
      if (isJoined) from.send(burst)
      else for (const one of burst) from.send([one])
      sent += BURST
    }
    await Promise.race([to.next(), sleep(20)])
    // Others take the place of those that have not arrived by now: they are lost.
    if (to.received === before) sent = to.received
  }
  await sleep(50)
  return (to.received * DATAGRAM_BYTES) / Math.max(0.01, processorSeconds(relay.process) - begun)
}

/** Socket of the client or of the peer. */
class BenchSocket {
  received = 0
  readonly turn = new TurnClient({ username: 'bench', password: 'bench', exchange: () => [] })
  #socket: DatagramSocket | undefined
  #heard: () => void = () => undefined
  #answers: Uint8Array[] = []

  static async open(): Promise<BenchSocket> {
    const made = new BenchSocket()
    made.#socket = await createDatagramSockets().open({
      family: 'ipv4',
      address: '127.0.0.1',
      port: 0,
      onBatch: (batch) => {
        for (const { bytes } of batch) {
          if (bytes.length >= DATAGRAM_BYTES) made.received++
          else if (!looksLikeChannelData(bytes)) made.#answers.push(new Uint8Array(bytes))
        }
        made.#heard()
      },
      onError: (error) => {
        throw error
      },
    })
    return made
  }

  get port(): number {
    return this.#socket?.port ?? 0
  }

  send(batch: readonly Datagram[]): void {
    this.#socket?.send(batch)
  }

  next(): Promise<void> {
    return new Promise((resolve) => (this.#heard = resolve))
  }

  /** Sends a request until it is answered, and again with a nonce if that is demanded. */
  async ask(to: Endpoint, request: () => Uint8Array): Promise<Answer> {
    for (let tries = 0; tries < 40; tries++) {
      this.#answers = []
      this.send([{ to, bytes: request() }])
      await Promise.race([this.next(), sleep(250)])
      const [bytes] = this.#answers
      if (bytes === undefined) continue
      const answer = this.turn.read(bytes)
      if (answer.code === undefined) return answer
      if (answer.code !== 401 && answer.code !== 438) throw new Error(`the relay answers ${answer.code}`)
    }
    throw new Error('the relay does not answer')
  }

  async allocate(relay: Endpoint): Promise<Endpoint> {
    const answer = await this.ask(relay, () => this.turn.request(ALLOCATE, () => [requestedUdp]))
    const relayed = readXorAddress(answer.message, XOR_RELAYED_ADDRESS)
    if (relayed === undefined) throw new Error('the relay tells no address')
    return relayed
  }

  async end(relay: Endpoint): Promise<void> {
    await this.ask(relay, () => this.turn.refreshRequest(0)).catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.#socket?.close()
  }
}

const medianOf = (rates: readonly RelayRate[]): RelayRate => {
  const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
  return byWay((way) => median(rates.map((rate) => rate[way])))
}

const byWay = (rateOf: (way: keyof RelayRate) => number): RelayRate => ({
  clients: rateOf('clients'),
  oneByOne: rateOf('oneByOne'),
  toPeer: rateOf('toPeer'),
  fromPeer: rateOf('fromPeer'),
})
