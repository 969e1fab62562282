import type { Dialect } from '../../core/control/events.ts'
import { after, SECOND } from '../../core/runtime/time.ts'
import type { BenchPeer, Connecting, PortalBench } from './portal-bench.ts'
import { readAsReleased, type ReleasedFrame } from './released-reading.ts'

export interface ReleasedPeerOptions {
  bench: PortalBench
  role: 'client' | 'gateway'
  dialect: Dialect
  /** Row and token of the peer. */
  as: Pick<Connecting, 'peerId' | 'tokenId'> & Partial<Connecting>
  /** ICE candidates that it tells the other end; one host candidate by default. */
  candidates?: readonly string[]
  /** Whether it does nothing without a relay, as every released peer; true by default. */
  needsRelays?: boolean
}

const NAMES = {
  v2: { create: 'create_authorization', created: 'authorization_created', request: 'request_authorization' },
  v1: { create: 'authorize_flow', created: 'flow_authorized', request: 'create_flow' },
} as const

/** Versions of the first peers of v2, and of the last ones of v1. */
const VERSIONS = { v2: { client: '1.5.11', gateway: '1.6.0' }, v1: { client: '1.5.8', gateway: '1.5.2' } } as const

/**
 * A peer of the bench with the manners of a released one: reads strictly, keeps to its dialect, and does nothing without
 * a relay: a client sends `no_relays` when it is told of none, a gateway in place of its acknowledgement.
 */
export class ReleasedPeer {
  readonly heard: ReleasedFrame[] = []
  readonly #options: ReleasedPeerOptions
  readonly #peer: BenchPeer
  readonly #relays = new Set<string>()
  #cancelBeat: () => void = () => undefined
  #unanswered = 0

  private constructor(options: ReleasedPeerOptions) {
    this.#options = options
    const { bench, role, dialect, as } = options
    const version = VERSIONS[dialect][role]
    this.#peer = bench.connect(role, { version, ...as, dialect, product: 'released' })
  }

  /** Connects and joins. */
  static join(options: ReleasedPeerOptions): ReleasedPeer {
    const peer = new ReleasedPeer(options)
    peer.say('phx_join', null)
    if (options.dialect === 'v2') peer.say('set_snownet_capabilities', { iceless: false })
    peer.#beatLater()
    return peer
  }

  /** Name of its connection, as `bench.closed` has it. */
  get connection(): BenchPeer {
    return this.#peer
  }

  say(event: string, payload: unknown): void {
    this.#peer.say(event, payload)
    this.turn()
  }

  /** Asks for a resource. */
  request(resourceId: string, connectedGatewayIds: readonly string[] = []): void {
    const { request } = NAMES[this.#options.dialect]
    this.say(request, { resource_id: resourceId, connected_gateway_ids: connectedGatewayIds })
  }

  /**
   * Asks for a resource as if packets for it came all the time: again every 2 s, as long as it has no answer, and for 15 s
   * at most.
   */
  want(resourceId: string): void {
    const { bench } = this.#options
    const until = after(bench.clock.now(), WAIT_FOR_GATEWAY_MS)
    const ask = (): void => {
      const answered = this.heard.some(({ event, payload }) => ANSWERS.has(event) && payload.resource_id === resourceId)
      if (answered || bench.clock.now() >= until) return
      this.request(resourceId)
      bench.clock.wake(after(bench.clock.now(), ASK_AGAIN_MS), ask)
    }
    ask()
  }

  /** Sends and answers nothing any more, though its connection is open. */
  freeze(): void {
    this.#cancelBeat()
  }

  /** Frames of this event since the last call; reads what has come. */
  take(event: string): ReleasedFrame[] {
    this.turn()
    const found = this.heard.filter((frame) => frame.event === event)
    this.heard.splice(0, this.heard.length, ...this.heard.filter((frame) => frame.event !== event))
    return found
  }

  /** Reads what has come, and answers as a released peer does. */
  turn(): void {
    const { bench, role, dialect } = this.#options
    for (const raw of bench.take(this.#peer.connection)) {
      const frame = readAsReleased({ role, dialect }, JSON.stringify(raw))
      this.heard.push(frame)
      this.#answer(frame)
    }
  }

  /** Ends the connection without a word, as a process that is killed. */
  die(): void {
    this.freeze()
    this.#peer.leave()
  }

  /** Sends a heartbeat every 10 s. @throws Error after four without an answer, when a released peer would reconnect */
  #beatLater(): void {
    const { clock } = this.#options.bench
    this.#cancelBeat = clock.wake(after(clock.now(), HEARTBEAT_MS), () => {
      if (this.#unanswered === HEARTBEATS_UNANSWERED) throw new Error('the portal does not answer heartbeats')
      this.#unanswered++
      this.#peer.say('heartbeat', {}, 'phoenix')
      this.turn()
      this.#beatLater()
    })
  }

  #answer({ event, payload }: ReleasedFrame): void {
    const { role, dialect, candidates = [CANDIDATE], needsRelays = true } = this.#options
    const isWithout = needsRelays && this.#relays.size === 0
    const { create, created } = NAMES[dialect]
    if (event === 'phx_reply') {
      this.#unanswered = 0
    } else if (event === 'init') {
      this.#relays.clear()
      for (const { id } of payload.relays ?? []) this.#relays.add(id)
      if (role === 'client' && needsRelays && this.#relays.size === 0) this.say('no_relays', {})
    } else if (event === 'relays_presence') {
      for (const id of payload.disconnected_ids) this.#relays.delete(id)
      for (const { id } of payload.connected) this.#relays.add(id)
    } else if (event === create && isWithout) {
      this.say('no_relays', {})
    } else if (event === create) {
      this.say(created, { ref: payload.ref })
      this.say('broadcast_ice_candidates', { client_ids: [payload.client.id], candidates })
    }
  }
}

const HEARTBEAT_MS = 10 * SECOND
const HEARTBEATS_UNANSWERED = 4
/** Least time of a client between two requests for one resource. */
const ASK_AGAIN_MS = 2 * SECOND
/** Time that a client waits for an answer. */
const WAIT_FOR_GATEWAY_MS = 15 * SECOND
const ANSWERS: ReadonlySet<string> = new Set([
  'authorization_created',
  'authorization_creation_failed',
  'flow_created',
  'flow_creation_failed',
])
const CANDIDATE = 'candidate:fffeff7e06fbb9ff63ffac81 1 udp 2130706175 192.0.2.7 52625 typ host ufrag abcd'
