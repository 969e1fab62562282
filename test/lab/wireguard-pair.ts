import { expect } from 'chai'
import { afterEach, beforeEach } from 'mocha'
import { fileURLToPath } from 'node:url'
import { Namespace } from '../../hosts/lab/namespace.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import type { Part } from '../../hosts/lab/part.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import type { DisorderOptions } from '../kit/disorder.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../kit/patience.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { echoPacket, isEcho, sequenceOf, type Echo } from './icmp-echo.ts'
import { OurEnd } from './our-end.ts'
import type { ForwarderInput, ForwarderReport } from './unruly-forwarder.ts'
import { WireGuardGo } from './wireguard-go.ts'
import type { EndTuning } from './wireguard-end.ts'

export const OURS = { outer: '192.0.2.1', port: 51821, inner: '100.64.0.1' }
export const THEIRS = { outer: '192.0.2.2', port: 51820, inner: '100.64.0.2' }
/** Ports of a forwarder between both ends, on its machine: one for us, one for wireguard-go. */
const FRONT = 51_900
const BACK = 51_901
/**
 * Packets in flight: more could overflow the buffer of a socket whose process does not get to run, and be lost
 * uncounted.
 */
const IN_FLIGHT = 40
const OUR_ENDPOINT = `${OURS.outer}:${OURS.port}`
const THEIR_ENDPOINT = `${THEIRS.outer}:${THEIRS.port}`

export interface TheirPings {
  count?: number
  intervalSeconds?: number
  /** Seconds that `ping` waits for replies when it has had none. */
  waitSeconds?: number
}

/** Our transport and a real wireguard-go, joined by a cable: each in a namespace of its own. */
export class WireGuardPair {
  readonly here: Namespace
  readonly there: Namespace
  readonly us: OurEnd
  readonly wireGuardGo: WireGuardGo
  readonly #run: RunDirectory
  readonly #keys: Keys
  #forwarder: Part | undefined

  private constructor(run: RunDirectory, keys: Keys, [here, there]: [Namespace, Namespace]) {
    this.#run = run
    this.#keys = keys
    this.here = here
    this.there = there
    this.us = new OurEnd(here)
    this.wireGuardGo = new WireGuardGo(there)
  }

  static async open(): Promise<WireGuardPair> {
    const run = await RunDirectory.open()
    const here = await Namespace.create(run, 'ours')
    const there = await Namespace.create(run, 'theirs')
    await here.veth({ device: 'eth0', to: there, toDevice: 'eth0' })
    await here.address('eth0', `${OURS.outer}/24`)
    await there.address('eth0', `${THEIRS.outer}/24`)
    const pair = new WireGuardPair(run, makeKeys(), [here, there])
    await pair.wireGuardGo.ready()
    await pair.us.open(pair.#keys.ours.privateKey, OURS.port)
    return pair
  }

  /** Endpoint that our end sends to: wireguard-go's, or the forwarder's. */
  get theirEndpoint(): string {
    return this.#forwarder === undefined ? THEIR_ENDPOINT : `${THEIRS.outer}:${FRONT}`
  }

  get ourEndpoint(): string {
    return this.#forwarder === undefined ? OUR_ENDPOINT : `${THEIRS.outer}:${BACK}`
  }

  /** Starts our end again with the same keys. */
  restart(port: number, tuning?: EndTuning): Promise<void> {
    return this.us.restart(this.#keys.ours.privateKey, port, tuning)
  }

  /** Puts a bad network between the ends; call it before `configure`. */
  async disorder(disorder: DisorderOptions): Promise<void> {
    const input: ForwarderInput = { front: FRONT, back: BACK, ours: OUR_ENDPOINT, theirs: THEIR_ENDPOINT, disorder }
    const script = fileURLToPath(new URL('unruly-forwarder.js', import.meta.url))
    this.#forwarder = this.there.spawn(process.execPath, [script], { name: 'forwarder', input: JSON.stringify(input) })
    await this.#forwarder.line((line) => line === 'ready')
  }

  /** Ends the bad network and resolves with its report. */
  async forwarded(): Promise<ForwarderReport> {
    if (this.#forwarder === undefined) throw new Error('there is no forwarder')
    await this.#forwarder.stop()
    return JSON.parse(await this.#forwarder.line((line) => line.startsWith('{'))) as ForwarderReport
  }

  /**
   * Configures both ends as peers. Only one end knows the other's endpoint, and has to begin: wireguard-go if
   * `theyKnowWhere`, otherwise ours.
   */
  async configure({ theyKnowWhere, psk }: { theyKnowWhere: boolean; psk?: Uint8Array }): Promise<void> {
    const { ours, theirs, presharedKey } = this.#keys
    await this.wireGuardGo.configure(
      { privateKey: theirs.privateKey, listenPort: THEIRS.port },
      {
        publicKey: ours.publicKey,
        presharedKey: psk ?? presharedKey,
        allowedIp: `${OURS.inner}/32`,
        ...(theyKnowWhere ? { endpoint: this.ourEndpoint } : {}),
      },
    )
    await this.there.address(this.wireGuardGo.device, `${THEIRS.inner}/24`)
    await this.there.ip(['link', 'set', this.wireGuardGo.device, 'up'])
    this.addPeer(theyKnowWhere ? {} : { path: this.theirEndpoint })
  }

  /** Adds wireguard-go as a peer of our end. */
  addPeer(where: { path?: string }): void {
    const { theirs, presharedKey } = this.#keys
    this.us.addPeer({ publicKey: theirs.publicKey, presharedKey, ...where })
  }

  request(echo: Echo): Uint8Array {
    return echoPacket({ source: OURS.inner, destination: THEIRS.inner, ...echo })
  }

  /** Sends one ping from our end and waits for its reply. */
  async ping(echo: Echo): Promise<void> {
    this.us.send(this.request(echo))
    await this.us.packet(`the reply to ${echo.sequence}`, (packet) => isEcho(packet, 'reply', echo))
  }

  /** Sends pings until each has its reply, some at a time: a lost one is sent again, as an application would. */
  async pingInsistently(count: number, { size = 100, timeoutMs = 120_000 } = {}): Promise<void> {
    const missing = new Set(Array.from({ length: count }, (_, index) => index + 1))
    let read = 0
    const isDone = (): boolean => {
      for (const output of this.us.outputs.slice(read)) {
        read += 1
        const sequence = output.type === 'deliverPacket' ? sequenceOf(output.packet) : -1
        const isReply = output.type === 'deliverPacket' && isEcho(output.packet, 'reply', { sequence, size })
        if (isReply) missing.delete(sequence)
      }
      return missing.size === 0
    }
    const sendMissing = (): void => {
      for (const sequence of [...missing].slice(0, IN_FLIGHT)) this.us.send(this.request({ sequence, size }))
    }
    sendMissing()
    const again = setInterval(sendMissing, 300)
    try {
      await this.us.until(`replies to ${count} pings`, isDone, timeoutMs)
    } finally {
      clearInterval(again)
    }
  }

  /**
   * Sends pings from wireguard-go's end and waits until our end has answered each (`us.answerPings`). `ping` itself does
   * not: after the first reply it waits for twice the longest round trip, which a busy machine exceeds.
   */
  async theirPings({ count = 5, waitSeconds = 20, ...pace }: TheirPings = {}): Promise<void> {
    const before = await this.#repliesThere()
    await this.theirPingsThatMayBeLost({ count, waitSeconds, ...pace })
    await this.repliesThere(before + count)
  }

  /** Sends pings from wireguard-go's end. They are small: all of a test's fit into the buffer of a socket whose process does not get to run. */
  async theirPingsThatMayBeLost({ count = 5, intervalSeconds = 0.05, waitSeconds = 1 }: TheirPings): Promise<void> {
    const numbers = { '-c': count, '-i': intervalSeconds, '-W': waitSeconds, '-s': 100 }
    const args = [...Object.entries(numbers).flatMap(([flag, value]) => [flag, String(value)]), OURS.inner]
    const { stdout } = await this.there.run('ping', args, { timeoutMs: 60_000 })
    expect(/(\d+) packets transmitted/.exec(stdout)?.[1], stdout).to.equal(String(count))
  }

  /** Waits until so many replies of ours have come out of wireguard-go's tunnel. */
  async repliesThere(least: number): Promise<void> {
    await eventually(
      async () => {
        const replies = await this.#repliesThere()
        if (replies >= least) return true
        throw new Error(`${replies} of them`)
      },
      { what: `${least} replies`, timeoutMs: PATIENCE_MS },
    )
  }

  async #repliesThere(): Promise<number> {
    const { stdout } = await this.there.mustRun('nstat', ['-asz', 'IcmpInEchoReps'])
    return Number(/IcmpInEchoReps\s+(\d+)/.exec(stdout)?.[1])
  }

  /** Number of packets that came out of wireguard-go's tunnel. */
  async packetsOutThere(): Promise<number> {
    const file = `/sys/class/net/${this.wireGuardGo.device}/statistics/rx_packets`
    return Number((await this.there.mustRun('cat', [file])).stdout)
  }

  async close({ failed }: { failed: boolean }): Promise<void> {
    const counters = await this.us.close()
    if (failed) process.stderr.write(`${JSON.stringify(counters)}\n${this.wireGuardGo.log.slice(-4_000)}\n`)
    await this.#forwarder?.stop()
    await this.wireGuardGo.stop()
    await this.#run.close()
  }
}

/**
 * Makes a new pair for each test of a `describe`, and prints its output where one fails. Call it first in the
 * `describe`.
 */
export const useWireGuardPair = (): (() => WireGuardPair) => {
  let pair: WireGuardPair | undefined
  needsKernel()
  beforeEach(async () => {
    pair = await WireGuardPair.open()
  })
  afterEach(async function () {
    await pair?.close({ failed: this.currentTest?.state === 'failed' })
    pair = undefined
  })
  return () => {
    if (pair === undefined) throw new Error('there is no pair')
    return pair
  }
}

const makeKeys = () => {
  const transport = new WireGuardTransport()
  const random = new SeededRandom('wireguard-go')
  return {
    ours: transport.generateKeys(random),
    theirs: transport.generateKeys(random),
    presharedKey: random.bytes(32),
  }
}

type Keys = ReturnType<typeof makeKeys>
