import type {
  Path,
  PeerId,
  Tunnel,
  TunnelInput,
  TunnelKeys,
  TunnelOptions,
  TunnelOutput,
  TunnelTransport,
} from '../../core/contract/tunnel-transport.ts'
import { earliest, type Deadline } from '../../core/runtime/machine.ts'
import type { Random } from '../../core/runtime/random.ts'
import { after, type Instant } from '../../core/runtime/time.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { SessionTraffic } from '../../hosts/runtime/lane/session-traffic.ts'
import { withoutPadding } from '../../plugins/transport-wireguard/inner-packet.ts'
import { parseMessage, type Data } from '../../plugins/transport-wireguard/messages.ts'
import { Session, type SessionKeys } from '../../plugins/transport-wireguard/session.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'

/** Session of a lane: seals and opens packets. */
export type LaneSession = Pick<Session, 'seal' | 'open'>

/**
 * A WireGuard transport whose packets a lane in TypeScript seals and opens with the exported keys, and reports as the
 * native lane does.
 */
export class LaneTransport implements TunnelTransport {
  readonly #wireGuard = new WireGuardTransport()
  readonly #session: (keys: SessionKeys) => LaneSession

  /** `session` makes what seals and opens with exported keys: for variants that get it wrong. */
  constructor(session: (keys: SessionKeys) => LaneSession = (keys) => new Session(keys)) {
    this.#session = session
  }

  generateKeys(random: Random): TunnelKeys {
    return this.#wireGuard.generateKeys(random)
  }

  publicKey(privateKey: Uint8Array): Uint8Array {
    return this.#wireGuard.publicKey(privateKey)
  }

  createTunnel(options: TunnelOptions): Tunnel {
    return new LaneTunnel(this.#wireGuard.createTunnel({ ...options, exportsKeys: true }), this.#session)
  }
}

interface Held {
  peer: PeerId
  index: number
  session: LaneSession
  /** Number by which the lane's reports name the session. */
  handle: number
}

const REPORT_INTERVAL_MS = 100

class LaneTunnel implements Tunnel {
  readonly #inner: Tunnel
  readonly #session: (keys: SessionKeys) => LaneSession
  readonly #sessions = new Map<number, Held>()
  readonly #inUse = new Map<PeerId, { held: Held | undefined; path: Path | undefined }>()
  readonly #counters = new Map<string, number>()
  readonly #outputs: TunnelOutput[] = []
  readonly #traffic = new SessionTraffic()
  #handles = 0
  #touched = new Set<Held>()
  #reportAt: Instant | undefined

  constructor(inner: Tunnel, session: (keys: SessionKeys) => LaneSession) {
    this.#inner = inner
    this.#session = session
  }

  handle(input: TunnelInput, now: Instant): void {
    if (input.type === 'packetQueued' && this.#seal(input.peer, input.packet, now)) return
    if (input.type === 'datagramReceived') {
      const message = parseMessage(input.datagram)
      if (message.type === 'data') return this.#open(message, input.path, now)
    }
    this.#tell(input, now)
  }

  wake(now: Instant): void {
    this.#inner.wake(now)
    this.#drain(now)
    if (this.#reportAt === undefined || this.#reportAt > now) return
    this.#reportAt = undefined
    if (this.#touched.size > 0) this.#report(now)
  }

  poll(): TunnelOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Deadline | undefined {
    return earliest(
      this.#inner.deadline(),
      this.#reportAt === undefined ? undefined : { at: this.#reportAt, reason: 'report traffic' },
    )
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#inner.counters(), ...Object.fromEntries(this.#counters) }
  }

  #tell(input: TunnelInput, now: Instant): void {
    this.#inner.handle(input, now)
    this.#drain(now)
  }

  #drain(now: Instant): void {
    for (let output = this.#inner.poll(); output !== undefined; output = this.#inner.poll()) this.#perform(output, now)
  }

  #perform(output: TunnelOutput, now: Instant): void {
    switch (output.type) {
      case 'installKeys': {
        const { index: localIndex, expiresAt, ...keys } = output.keys
        const session = this.#session({
          ...keys,
          localIndex,
          isInitiator: false,
          createdAt: after(expiresAt, -180_000),
        })
        const handle = this.#handles++
        this.#traffic.begin(handle, { peer: 0, expiresAt })
        this.#sessions.set(localIndex, { peer: output.peer, index: localIndex, session, handle })
        return
      }
      case 'removeKeys':
        this.#sessions.delete(output.index)
        return
      case 'useKeys':
        this.#inUse.set(output.peer, { held: this.#sessions.get(output.index ?? -1), path: output.path })
        return
      case 'sealPacket':
        if (!this.#seal(output.peer, output.packet, now)) this.#drop('no-session')
        return
      case 'sendDatagram':
      case 'deliverPacket':
      case 'sessionEstablished':
      case 'peerUnresponsive':
        this.#outputs.push(output)
    }
  }

  /** Seals a packet for a peer; returns whether there was a session for it. */
  #seal(peer: PeerId, packet: Uint8Array, now: Instant): boolean {
    const { held, path } = this.#inUse.get(peer) ?? {}
    if (held === undefined || path === undefined || !this.#traffic.maySeal(held.handle, now)) return false
    if (this.#sessions.get(held.index) !== held) return false
    this.#outputs.push({ type: 'sendDatagram', peer, path, datagram: held.session.seal(packet) })
    if (packet.length > 0) {
      this.#traffic.sent(held.handle, packet.length)
      this.#touch(held, false, now)
    }
    return true
  }

  #open(message: Data, path: Path, now: Instant): void {
    const held = this.#sessions.get(message.receiver)
    if (held === undefined) return this.#drop('unknown-index')
    const { peer, session, handle } = held
    const opening = session.open(message, now)
    if (opening.type === 'refused') return this.#drop(opening.reason)
    const isFirst = this.#traffic.received(handle, opening.plain.length)
    if (opening.arrival === 'newest') this.#traffic.cameFrom(handle, path as Endpoint)
    const packet = opening.plain.length === 0 ? undefined : withoutPadding(opening.plain)
    if (packet !== undefined) this.#outputs.push({ type: 'deliverPacket', peer, path, packet })
    else if (opening.plain.length > 0) this.#drop('not-an-ip-packet')
    this.#touch(held, isFirst, now)
  }

  #touch(held: Held, mustReport: boolean, now: Instant): void {
    this.#traffic.touch(held.handle)
    this.#touched.add(held)
    if (mustReport || this.#reportAt === undefined) this.#report(now)
  }

  #report(now: Instant): void {
    const touched = this.#touched
    this.#touched = new Set()
    this.#reportAt = after(now, REPORT_INTERVAL_MS)
    for (const { peer, index, handle } of touched) {
      const traffic = this.#traffic.take(handle)
      if (traffic !== undefined) this.#tell({ type: 'trafficSeen', peer, index, ...traffic }, now)
    }
  }

  #drop(reason: string): void {
    this.#counters.set(reason, (this.#counters.get(reason) ?? 0) + 1)
  }
}
