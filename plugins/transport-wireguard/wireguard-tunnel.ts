import {
  DeadlineQueue,
  OutputQueue,
  toHex,
  type Deadline,
  type Instant,
  type Path,
  type PeerId,
  type Tunnel,
  type TunnelInput,
  type TunnelOptions,
  type TunnelOutput,
} from 'portreeve'
import { isLater, successor, tai64n, X25519PrivateKey } from 'portreeve/crypto'
import { CookieBaker } from './cookie-baker.ts'
import { HandshakeRate, type LoadMeasure } from './handshake-load.ts'
import { readInitiation } from './handshake.ts'
import { macKeysOf, type Identity } from './identity.ts'
import { IndexTable } from './index-table.ts'
import { hasMac1 } from './macs.ts'
import { parseMessage, type Initiation } from './messages.ts'
import { Peer, type PeerOptions } from './peer.ts'
import { dataMessageBytes } from './session.ts'
import { SourceRates } from './source-rates.ts'
import { REKEY_PACE, type RekeyPace } from './timers.ts'
import type { IndexOwner, TunnelSide } from './tunnel-side.ts'

/** Parameters that only tests set. */
export interface WireGuardTuning {
  /** Measure of load, under which senders must show cookies; the rate of handshake messages by default. */
  load?: LoadMeasure
  /** Pace of session renewal; the protocol's by default. */
  pace?: Partial<RekeyPace>
}

/** Local end of WireGuard tunnels: dispatches datagrams, inputs and timers to peers. */
export class WireGuardTunnel implements Tunnel {
  readonly datagramBytes = dataMessageBytes
  readonly #identity: Identity
  readonly #indices: IndexTable<IndexOwner<Peer>>
  readonly #side: TunnelSide<Peer>
  readonly #load: LoadMeasure
  readonly #baker: CookieBaker
  readonly #sources = new SourceRates()
  readonly #peers = new Map<PeerId, Peer>()
  readonly #peersByKey = new Map<string, Peer>()
  readonly #counters = new Map<string, number>()
  readonly #outputs = new OutputQueue<TunnelOutput>()
  #lastTimestamp: Uint8Array = new Uint8Array(12)
  /**
   * Wake-up per peer, no later than its first timer. It may be too early if a timer was disarmed, which is harmless.
   */
  readonly #due = new DeadlineQueue<Peer>()

  constructor(
    { privateKey, random, unixAt, exportsKeys = false }: TunnelOptions,
    { load = new HandshakeRate(), pace = {} }: WireGuardTuning = {},
  ) {
    const key = new X25519PrivateKey(privateKey)
    this.#identity = { key, macKeys: macKeysOf(key.publicKey) }
    this.#load = load
    this.#baker = new CookieBaker({ random, cookieKey: this.#identity.macKeys.cookieKey })
    this.#indices = new IndexTable(random)
    this.#side = {
      identity: this.#identity,
      random,
      indices: this.#indices,
      pace: { ...REKEY_PACE, ...pace },
      exportsKeys,
      timestamp: (now) => {
        const label = tai64n(unixAt(now))
        this.#lastTimestamp = isLater(label, this.#lastTimestamp) ? label : successor(this.#lastTimestamp)
        return this.#lastTimestamp
      },
      emit: (output) => this.#outputs.push(output),
      drop: (reason) => this.#drop(reason),
      armed: (peer, deadline) => this.#due.hasten(peer, deadline),
    }
  }

  handle(input: TunnelInput, now: Instant): void {
    if (input.type === 'datagramReceived') return this.#receive(input.datagram, input.path, now)
    if (input.type === 'peerAdded') return this.#addPeer({ ...input, id: input.peer }, now)

    const peer = this.#peers.get(input.peer)
    if (peer === undefined) return this.#drop('peer-not-added')
    switch (input.type) {
      case 'packetQueued':
        return peer.send(input.packet, now)
      case 'connectRequested':
        return input.renews === true ? peer.renew(now) : peer.connect(now)
      case 'trafficSeen':
        return peer.noteTraffic(input, now)
      case 'pathChosen':
        return peer.choosePath(input.path, now)
      case 'peerRemoved':
        return this.#removePeer(peer)
    }
  }

  wake(now: Instant): void {
    for (let peer = this.#due.takeDue(now); peer !== undefined; peer = this.#due.takeDue(now)) {
      peer.wake(now)
      this.#due.set(peer, peer.deadline())
    }
  }

  poll(): TunnelOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#due.first()
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters)
  }

  #addPeer(options: PeerOptions, now: Instant): void {
    const peer = new Peer(this.#side, options)
    const key = toHex(peer.publicKeyBytes)
    const before = this.#peers.get(peer.id)
    if (before !== undefined && before === this.#peersByKey.get(key) && before.hasSameKeysAs(peer)) {
      if (options.path !== undefined) before.choosePath(options.path, now)
      return
    }
    for (const other of [before, this.#peersByKey.get(key)]) if (other !== undefined) this.#removePeer(other)
    this.#peers.set(peer.id, peer)
    this.#peersByKey.set(key, peer)
  }

  #removePeer(peer: Peer): void {
    peer.remove()
    this.#due.set(peer, undefined)
    this.#peers.delete(peer.id)
    this.#peersByKey.delete(toHex(peer.publicKeyBytes))
  }

  #receive(datagram: Uint8Array, path: Path, now: Instant): void {
    const message = parseMessage(datagram)
    switch (message.type) {
      case 'malformed':
        return this.#drop(message.reason)
      case 'initiation':
        return this.#receiveInitiation(message, datagram, path, now)
      case 'response': {
        if (!this.#mayCost(message, datagram, path, now)) return
        const owner = this.#indices.find(message.receiver)
        return owner === undefined ? this.#drop('unknown-index') : owner.peer.receiveResponse(message, path, now)
      }
      case 'cookieReply': {
        const owner = this.#indices.find(message.receiver)
        return owner === undefined ? this.#drop('unknown-index') : owner.peer.receiveCookie(message, now)
      }
      case 'data': {
        const owner = this.#indices.find(message.receiver)
        if (owner?.session === undefined) return this.#drop('unknown-index')
        return owner.peer.receiveData(owner.session, message, path, now)
      }
    }
  }

  #receiveInitiation(message: Initiation, datagram: Uint8Array, path: Path, now: Instant): void {
    if (!this.#mayCost(message, datagram, path, now)) return
    const read = readInitiation(message, this.#identity.key, (publicKey) => this.#peersByKey.get(toHex(publicKey)))
    if (read.type === 'refused') return this.#drop(read.reason)
    read.remote.receiveInitiation(read, path, now)
  }

  /**
   * Whether a handshake message may be processed. Drops one without a valid mac1 (§5.1); under load, asks for a cookie
   * and limits each source.
   */
  #mayCost(message: { sender: number }, datagram: Uint8Array, path: Path, now: Instant): boolean {
    if (!hasMac1(datagram, this.#identity.macKeys.mac1Key)) {
      this.#drop('wrong-mac1')
      return false
    }
    if (!this.#load.arrived(now)) return true
    if (this.#baker.hasMac2(datagram, path, now)) {
      if (this.#sources.allows(path, now)) return true
      this.#drop('source-flood')
      return false
    }
    this.#drop('cookie-sent')
    this.#outputs.push({
      type: 'sendDatagram',
      path,
      datagram: this.#baker.reply(datagram, message.sender, path, now),
    })
    return false
  }

  #drop(reason: string): void {
    this.#counters.set(reason, (this.#counters.get(reason) ?? 0) + 1)
  }
}
