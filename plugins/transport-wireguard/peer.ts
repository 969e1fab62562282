import { integerBelow, type Deadline, type Instant, type Path, type PeerId, type TunnelTraffic } from 'portreeve'
import { equalSecrets, X25519PublicKey } from 'portreeve/crypto'
import { CookieJar } from './cookie-jar.ts'
import { writeResponse, type InitiationRead, type RemoteStatic, type SessionSecrets } from './handshake.ts'
import { InitiationGuard } from './initiation-guard.ts'
import { withoutPadding } from './inner-packet.ts'
import { KeyExport } from './key-export.ts'
import type { CookieReply, Data, Response } from './messages.ts'
import { freshKey, OwnHandshake } from './own-handshake.ts'
import { PacketQueue } from './packet-queue.ts'
import { Session } from './session.ts'
import { Sessions } from './sessions.ts'
import {
  FORGET_KEYS_MS,
  KEEPALIVE_TIMEOUT_MS,
  REJECT_AFTER_MS,
  REKEY_ATTEMPT_MS,
  REKEY_TIMEOUT_MS,
  RETRY_JITTER_MS,
  Timers,
  type TimerName,
} from './timers.ts'
import type { TunnelSide } from './tunnel-side.ts'

export interface PeerOptions {
  id: PeerId
  publicKey: Uint8Array
  presharedKey?: Uint8Array
  path?: Path
}

type AcceptedInitiation = Extract<InitiationRead<Peer>, { type: 'read' }>

/** WireGuard peer: its sessions, pending handshake, timers, and packets that wait for a session. */
export class Peer implements RemoteStatic {
  readonly id: PeerId
  readonly publicKeyBytes: Uint8Array
  readonly presharedKey: Uint8Array
  readonly staticSecret: Uint8Array | undefined
  readonly #side: TunnelSide<Peer>
  readonly #timers: Timers
  readonly #sessions: Sessions
  readonly #queue = new PacketQueue()
  readonly #handshake: OwnHandshake<Peer>
  readonly #guard = new InitiationGuard()
  readonly #cookies: CookieJar
  readonly #export: KeyExport
  #path: Path | undefined

  /** Start of the present attempts to get a session. */
  #seekingSince: Instant | undefined
  #initiatedAt: Instant | undefined
  #needsAnotherKeepalive = false

  constructor(side: TunnelSide<Peer>, { id, publicKey, presharedKey, path }: PeerOptions) {
    this.id = id
    const imported = new X25519PublicKey(publicKey)
    this.publicKeyBytes = imported.bytes
    this.presharedKey = presharedKey === undefined ? NO_PRESHARED_KEY : new Uint8Array(presharedKey)
    if (this.presharedKey.length !== 32) throw new RangeError('a pre-shared key has 32 bytes')
    this.staticSecret = side.identity.key.agree(imported)
    this.#handshake = new OwnHandshake(side, this)
    this.#cookies = new CookieJar(this.publicKeyBytes)
    this.#export = new KeyExport(side, id)
    this.#side = side
    this.#timers = new Timers((deadline) => side.armed(this, deadline))
    this.#sessions = new Sessions((session) => this.#end(session))
    this.#path = path
  }

  /** Public key, imported anew at each use: an imported key takes a kilobyte, which would add up for idle peers. */
  get publicKey(): X25519PublicKey {
    return new X25519PublicKey(this.publicKeyBytes)
  }

  hasSameKeysAs(other: Peer): boolean {
    return (
      equalSecrets(this.publicKeyBytes, other.publicKeyBytes) && equalSecrets(this.presharedKey, other.presharedKey)
    )
  }

  /** Sends to a path that the host has chosen. A pending handshake is repeated there at once. */
  choosePath(path: Path, now: Instant): void {
    if (path === this.#path) return
    this.#usePath(path)
    if (this.#seekingSince === undefined) return
    const copy = this.#handshake.copy(now)
    if (copy === undefined) this.#initiate(now)
    else this.#emitDatagram(copy, path)
  }

  /** Begins a handshake unless there is a session. */
  connect(now: Instant): void {
    if (this.#sessions.current?.canSend(now) !== true) this.#seek(now)
  }

  /** Begins a handshake, also if there is a session. A pending one is repeated. */
  renew(now: Instant): void {
    if (this.#seekingSince === undefined) return this.#seek(now)
    const copy = this.#handshake.copy(now)
    if (copy === undefined) this.#initiate(now)
    else this.#emitDatagram(copy, this.#path)
  }

  /** Encrypts and sends a packet, or queues it until there is a session. */
  send(packet: Uint8Array, now: Instant): void {
    const session = this.#sessions.current
    if (session?.canSend(now) === true) {
      this.#sendSealed(session, packet, now)
      return
    }
    if (!this.#queue.push(packet)) this.#side.drop('queue-full')
    this.#seek(now)
  }

  /** Handles a decrypted initiation of this peer: answers it unless it is a replay. */
  receiveInitiation(read: AcceptedInitiation, path: Path, now: Instant): void {
    const verdict = this.#guard.judge(read.timestamp, now)
    if (verdict !== 'accepted') return this.#side.drop(verdict)

    const localIndex = this.#side.indices.claim({ peer: this })
    const written = writeResponse({
      noise: read.noise,
      remote: this,
      remoteEphemeral: read.ephemeral,
      ephemeral: freshKey(this.#side),
      sender: localIndex,
      receiver: read.sender,
    })
    if ('refused' in written) {
      this.#side.indices.release(localIndex)
      return this.#side.drop(written.refused)
    }
    // Answered at its source, but other traffic is sent there only after a packet of the new session, since it may be a
    // replay.
    this.#usePath(this.#path ?? path)
    this.#cancelExpectedReply()
    this.#sessions.addAsResponder(
      this.#newSession({ secrets: written.secrets, localIndex, remoteIndex: read.sender, isInitiator: false }, now),
    )
    this.#sendHandshake(written.datagram, path, now)
  }

  /** Handles the response to this end's initiation: the session can be used at once. */
  receiveResponse(message: Response, path: Path, now: Instant): void {
    const secrets = this.#handshake.finish(message)
    if (secrets === undefined) return
    this.#usePath(path)
    this.#cancelExpectedReply()
    const session = this.#newSession(
      { secrets, localIndex: message.receiver, remoteIndex: message.sender, isInitiator: true },
      now,
    )
    this.#sessions.addAsInitiator(session)
    // The responder sends nothing before it has received a packet of the session (§5.4.6).
    const mustConfirm = this.#queue.isEmpty
    this.#established(session, now)
    if (mustConfirm) this.#sendSealed(session, NOTHING, now)
  }

  /** Handles a data message of a session. */
  receiveData(session: Session, message: Data, path: Path, now: Instant): void {
    if (this.#side.exportsKeys) return this.#side.drop('lane-opens')
    const opening = session.open(message, now)
    if (opening.type === 'refused') return this.#side.drop(opening.reason)

    // Only the newest message changes the path: an overtaken or delayed one must not redirect traffic to its source.
    if (opening.arrival === 'newest') this.#usePath(path)
    this.#cancelExpectedReply()
    if (this.#sessions.confirm(session)) this.#established(session, now)
    if (opening.plain.length > 0) this.#deliver(opening.plain, path, now)
    this.#renewBeforeItEnds(session, now)
  }

  /** Handles a lane's report of traffic in a session, which may have ended already. */
  noteTraffic({ index, sent, received, endedSending, path }: TunnelTraffic, now: Instant): void {
    const owner = this.#side.indices.find(index)
    if (owner?.peer !== this || owner.session === undefined) return
    const { session } = owner
    const heard = received.packets + received.keepalives > 0
    if (path !== undefined) this.#usePath(path)
    if (heard && this.#sessions.confirm(session)) this.#established(session, now)
    if (endedSending && heard) this.#cancelExpectedReply()
    if (sent.packets > 0) this.#sentData(session, now)
    if (!endedSending && heard) this.#cancelExpectedReply()
    if (received.packets > 0) this.#scheduleKeepalive(now)
    // If the last packet was sent, it has answered those received.
    if (endedSending && sent.packets > 0) this.#cancelKeepalive()
    if (heard) this.#renewBeforeItEnds(session, now)
  }

  /** Handles a cookie reply of a peer under load: the next handshake message is signed with the cookie. */
  receiveCookie(reply: CookieReply, now: Instant): void {
    if (!this.#cookies.put(reply, now)) this.#side.drop('wrong-cookie')
  }

  wake(now: Instant): void {
    // After a suspend all timers are due at once: keys are wiped first, so that a handshake begun by another timer
    // stays.
    if (this.#timers.takeIfDue('forgetKeys', now)) this.#forgetKeys()
    for (let due = this.#timers.takeDue(now); due !== undefined; due = this.#timers.takeDue(now))
      this.#elapsed(due, now)
  }

  deadline(): Deadline | undefined {
    return this.#timers.deadline()
  }

  /** Wipes all keys, timers and queued packets. */
  remove(): void {
    this.#timers.disarmAll()
    this.#queue.takeAll()
    this.#forgetKeys()
    this.#seekingSince = undefined
  }

  #elapsed(timer: TimerName, now: Instant): void {
    switch (timer) {
      case 'retryHandshake':
        if (this.#seekingSince === undefined) return
        if (now - this.#seekingSince >= REKEY_ATTEMPT_MS) this.#giveUp()
        else this.#initiate(now)
        return
      case 'sendKeepalive':
        this.#keepAlive(now)
        return
      case 'expectReply':
        this.#seek(now)
        return
      case 'forgetKeys':
        this.#forgetKeys()
        return
    }
  }

  #seek(now: Instant): void {
    if (this.#seekingSince !== undefined && this.#timers.isArmed('retryHandshake')) return
    this.#seekingSince ??= now
    const { timeoutMs } = this.#side.pace
    const sinceLast = this.#initiatedAt === undefined ? timeoutMs : now - this.#initiatedAt
    if (sinceLast < timeoutMs) this.#timers.arm('retryHandshake', now, timeoutMs - sinceLast)
    else this.#initiate(now)
  }

  #initiate(now: Instant): void {
    this.#timers.arm('retryHandshake', now, this.#side.pace.timeoutMs + this.#jitter())
    const path = this.#path
    if (path === undefined) return
    const datagram = this.#handshake.begin(now)
    if (datagram === undefined) return
    this.#initiatedAt = now
    this.#sendHandshake(datagram, path, now)
  }

  #giveUp(): void {
    this.#seekingSince = undefined
    this.#forgetKeys()
    for (const _ of this.#queue.takeAll()) this.#side.drop('peer-unresponsive')
    this.#timers.disarmAll()
    this.#side.emit({ type: 'peerUnresponsive', peer: this.id })
  }

  #established(session: Session, now: Instant): void {
    this.#seekingSince = undefined
    this.#timers.disarm('retryHandshake')
    this.#useCurrent()
    this.#side.emit({ type: 'sessionEstablished', peer: this.id })
    for (const packet of this.#queue.takeAll()) this.#sendSealed(session, packet, now)
  }

  #sendSealed(session: Session, packet: Uint8Array, now: Instant): void {
    if (this.#side.exportsKeys) this.#sealInLane(packet)
    else this.#emitDatagram(session.seal(packet), this.#path)
    if (packet.length > 0) this.#sentData(session, now)
    else this.#renewIfWorn(session, now)
  }

  #sealInLane(packet: Uint8Array): void {
    if (this.#path === undefined) return this.#side.drop('no-path')
    this.#useCurrent()
    this.#cancelKeepalive()
    this.#side.emit({ type: 'sealPacket', peer: this.id, packet })
  }

  #sentData(session: Session, now: Instant): void {
    if (!this.#timers.isArmed('expectReply')) {
      this.#timers.arm('expectReply', now, KEEPALIVE_TIMEOUT_MS + REKEY_TIMEOUT_MS + this.#jitter())
    }
    this.#renewIfWorn(session, now)
  }

  #renewIfWorn(session: Session, now: Instant): void {
    if (session.isWorn(now, this.#side.pace)) this.#seek(now)
  }

  #usePath(path: Path): void {
    this.#path = path
    this.#useCurrent()
  }

  /** Tells the lane which session and path to send with, if they have changed. */
  #useCurrent(): void {
    this.#export.use(this.#sessions.current?.keys.localIndex, this.#path)
  }

  #sendHandshake(datagram: Uint8Array, path: Path, now: Instant): void {
    this.#cookies.sign(datagram, now)
    // A copy, since output bytes belong to the host and an initiation may be sent again.
    this.#emitDatagram(new Uint8Array(datagram), path)
  }

  #emitDatagram(datagram: Uint8Array, path: Path | undefined): void {
    if (path === undefined) return this.#side.drop('no-path')
    this.#cancelKeepalive()
    this.#side.emit({ type: 'sendDatagram', peer: this.id, path, datagram })
  }

  /** Cancels the keepalive, because an authentic message sent shows the peer as well that this end is alive. */
  #cancelKeepalive(): void {
    this.#timers.disarm('sendKeepalive')
    this.#needsAnotherKeepalive = false
  }

  #scheduleKeepalive(now: Instant): void {
    if (this.#timers.isArmed('sendKeepalive')) this.#needsAnotherKeepalive = true
    else this.#timers.arm('sendKeepalive', now, KEEPALIVE_TIMEOUT_MS)
  }

  #deliver(plain: Uint8Array, path: Path, now: Instant): void {
    this.#scheduleKeepalive(now)
    const packet = withoutPadding(plain)
    if (packet === undefined) this.#side.drop('not-an-ip-packet')
    else this.#side.emit({ type: 'deliverPacket', peer: this.id, path, packet })
  }

  #keepAlive(now: Instant): void {
    const again = this.#needsAnotherKeepalive
    const session = this.#sessions.current
    if (session?.canSend(now) === true) this.#sendSealed(session, NOTHING, now)
    if (again) this.#timers.arm('sendKeepalive', now, KEEPALIVE_TIMEOUT_MS)
  }

  /** Cancels the timer for a missing reply, because an authentic message shows that the peer is alive. */
  #cancelExpectedReply(): void {
    this.#timers.disarm('expectReply')
  }

  /**
   * Begins a handshake before the session ends, also if this end only receives, so that a last keepalive can be sent
   * (§6.2).
   */
  #renewBeforeItEnds(session: Session, now: Instant): void {
    if (session !== this.#sessions.current || !session.keys.isInitiator) return
    const age = now - session.keys.createdAt
    if (age >= REJECT_AFTER_MS - KEEPALIVE_TIMEOUT_MS - REKEY_TIMEOUT_MS) this.#seek(now)
  }

  #newSession(
    made: { secrets: SessionSecrets; localIndex: number; remoteIndex: number; isInitiator: boolean },
    now: Instant,
  ): Session {
    const { secrets, localIndex, remoteIndex, isInitiator } = made
    const session = new Session({ ...secrets, localIndex, remoteIndex, isInitiator, createdAt: now })
    this.#side.indices.replace(localIndex, { peer: this, session })
    this.#timers.arm('forgetKeys', now, FORGET_KEYS_MS)
    this.#export.install(session.keys)
    return session
  }

  #end(session: Session): void {
    this.#side.indices.release(session.keys.localIndex)
    session.wipe()
    this.#export.remove(session.keys.localIndex)
  }

  #forgetKeys(): void {
    this.#sessions.endAll()
    this.#handshake.abandon()
    this.#useCurrent()
  }

  #jitter(): number {
    return integerBelow(this.#side.random, RETRY_JITTER_MS + 1)
  }
}

const NOTHING = new Uint8Array(0)
const NO_PRESHARED_KEY = new Uint8Array(32)
