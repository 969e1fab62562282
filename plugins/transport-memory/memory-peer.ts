import { after, SECOND, type Deadline, type Instant, type Path, type PeerId, type TunnelOutput } from 'portreeve'
import { encodeFrame, type Frame } from './frame.ts'

export const MAX_QUEUED_PACKETS = 128
export const RETRY_MS = 5 * SECOND
export const ATTEMPT_MS = 90 * SECOND
export const KEEPALIVE_MS = 10 * SECOND
const MAX_SEEN_FRAMES = 4096

/** Session as one end knows it: the number (`local`, `remote`) that each end gave it, and counters. */
export interface MemorySession {
  readonly local: number
  readonly remote: number
  sent: number
  greatest: number
  readonly seen: Set<number>
}

/** Parts of a tunnel that all its peers share. */
export interface MemorySide {
  readonly publicKey: Uint8Array
  claimName: () => number
  stamp: (now: Instant) => number
  emit: (output: TunnelOutput) => void
  drop: (reason: string) => void
}

type Timer = 'retry' | 'keepalive' | 'expectReply'

/** Peer of the reference transport: handshake, sessions, timers and queued packets. */
export class MemoryPeer {
  readonly id: PeerId
  readonly publicKey: Uint8Array
  readonly secret: Uint8Array
  /** Number of the hello that waits for a welcome. */
  hello: number | undefined
  /** Sessions whose frames are accepted, the newest last. */
  sessions: MemorySession[] = []
  readonly #side: MemorySide
  readonly #timers = new Map<Timer, Instant>()
  #current: MemorySession | undefined
  #path: Path | undefined
  #queue: Uint8Array[] = []
  #seekingSince: Instant | undefined
  #greatestStamp = 0

  constructor(
    side: MemorySide,
    options: { id: PeerId; publicKey: Uint8Array; secret: Uint8Array; path: Path | undefined },
  ) {
    this.id = options.id
    this.publicKey = options.publicKey
    this.secret = options.secret
    this.#path = options.path
    this.#side = side
  }

  choosePath(path: Path, now: Instant): void {
    if (path === this.#path) return
    this.#path = path
    if (this.#seekingSince !== undefined) this.#sayHello(now)
  }

  connect(now: Instant): void {
    if (this.#current !== undefined || this.#timers.has('retry')) return
    this.#seekingSince ??= now
    this.#sayHello(now)
  }

  send(packet: Uint8Array, now: Instant): void {
    if (this.#current !== undefined) return this.#seal(this.#current, packet, now)
    this.#queue.push(new Uint8Array(packet))
    if (this.#queue.length > MAX_QUEUED_PACKETS) {
      this.#queue.shift()
      this.#side.drop('queue-full')
    }
    this.connect(now)
  }

  receiveHello(frame: Extract<Frame, { type: 'hello' }>, path: Path): void {
    if (!(frame.stamp > this.#greatestStamp)) return this.#side.drop('replayed-hello')
    this.#greatestStamp = frame.stamp
    this.#path ??= path
    this.#timers.delete('expectReply')
    const session = this.#addSession(this.#side.claimName(), frame.sender)
    this.#emit({ type: 'welcome', receiver: frame.sender, sender: session.local }, path)
  }

  receiveWelcome(frame: Extract<Frame, { type: 'welcome' }>, path: Path, now: Instant): void {
    this.hello = undefined
    this.#path = path
    this.#timers.delete('expectReply')
    const mustConfirm = this.#queue.length === 0
    const session = this.#addSession(frame.receiver, frame.sender)
    this.#establish(session, now)
    if (mustConfirm) this.#seal(session, NOTHING, now)
  }

  receiveData(session: MemorySession, frame: Extract<Frame, { type: 'data' }>, path: Path, now: Instant): void {
    if (session.greatest - frame.counter >= MAX_SEEN_FRAMES) return this.#side.drop('too-old')
    if (session.seen.has(frame.counter)) return this.#side.drop('replayed')
    session.seen.add(frame.counter)
    if (frame.counter > session.greatest) {
      session.greatest = frame.counter
      this.#path = path
      for (const counter of session.seen)
        if (session.greatest - counter >= MAX_SEEN_FRAMES) session.seen.delete(counter)
    }
    this.#timers.delete('expectReply')
    if (!this.#wasUsed(session)) this.#establish(session, now)
    if (frame.packet.length === 0) return
    if (!this.#timers.has('keepalive')) this.#timers.set('keepalive', after(now, KEEPALIVE_MS))
    this.#side.emit({ type: 'deliverPacket', peer: this.id, path, packet: frame.packet })
  }

  wake(now: Instant): void {
    for (const [timer, at] of Array.from(this.#timers)) {
      if (at > now) continue
      this.#timers.delete(timer)
      if (timer === 'keepalive') {
        if (this.#current !== undefined) this.#seal(this.#current, NOTHING, now)
      } else if (timer === 'expectReply') {
        this.#seekingSince ??= now
        if (!this.#timers.has('retry')) this.#sayHello(now)
      } else if (this.#seekingSince !== undefined && now - this.#seekingSince >= ATTEMPT_MS) this.#giveUp()
      else this.#sayHello(now)
    }
  }

  deadline(): Deadline | undefined {
    let first: Deadline | undefined
    for (const [reason, at] of this.#timers) if (first === undefined || at < first.at) first = { at, reason }
    return first
  }

  #sayHello(now: Instant): void {
    this.#timers.set('retry', after(now, RETRY_MS))
    if (this.#path === undefined) return
    this.hello = this.#side.claimName()
    const { publicKey } = this.#side
    this.#emit({ type: 'hello', publicKey, stamp: this.#side.stamp(now), sender: this.hello }, this.#path)
  }

  #giveUp(): void {
    this.#seekingSince = undefined
    this.hello = undefined
    this.sessions = []
    this.#current = undefined
    for (const _ of this.#queue) this.#side.drop('peer-unresponsive')
    this.#queue = []
    this.#side.emit({ type: 'peerUnresponsive', peer: this.id })
  }

  #addSession(local: number, remote: number): MemorySession {
    const session: MemorySession = { local, remote, sent: 0, greatest: -1, seen: new Set() }
    this.sessions = [...this.sessions.slice(-2), session]
    return session
  }

  #wasUsed(session: MemorySession): boolean {
    const current = this.#current === undefined ? -1 : this.sessions.indexOf(this.#current)
    return this.sessions.indexOf(session) <= current
  }

  #establish(session: MemorySession, now: Instant): void {
    this.#current = session
    this.#seekingSince = undefined
    this.#timers.delete('retry')
    this.#side.emit({ type: 'sessionEstablished', peer: this.id })
    const queued = this.#queue
    this.#queue = []
    for (const packet of queued) this.#seal(session, packet, now)
  }

  #seal(session: MemorySession, packet: Uint8Array, now: Instant): void {
    this.#timers.delete('keepalive')
    if (packet.length > 0 && !this.#timers.has('expectReply')) {
      this.#timers.set('expectReply', after(now, KEEPALIVE_MS + RETRY_MS))
    }
    this.#emit({ type: 'data', receiver: session.remote, counter: session.sent++, packet }, this.#path)
  }

  #emit(frame: Frame, path: Path | undefined): void {
    if (path === undefined) return this.#side.drop('no-path')
    this.#side.emit({ type: 'sendDatagram', peer: this.id, path, datagram: encodeFrame(frame, this.secret) })
  }
}

const NOTHING = new Uint8Array(0)
