import {
  OutputQueue,
  earliest,
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
import { equalSecrets } from 'portreeve/crypto'
import { dataFrameBytes, isAuthentic, parseFrame } from './frame.ts'
import { MemoryPeer, type MemorySide } from './memory-peer.ts'
import { publicKeyOf } from './toy-keys.ts'

/** Local end of the tunnels of the reference transport. */
export class MemoryTunnel implements Tunnel {
  readonly datagramBytes = dataFrameBytes
  readonly #side: MemorySide
  readonly #peers = new Map<PeerId, MemoryPeer>()
  readonly #outputs = new OutputQueue<TunnelOutput>()
  readonly #counters = new Map<string, number>()
  #lastStamp = 0

  constructor({ privateKey, random, unixAt }: TunnelOptions) {
    this.#side = {
      publicKey: publicKeyOf(privateKey),
      claimName: () => {
        const bytes = random.bytes(4)
        return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0)
      },
      stamp: (now) => (this.#lastStamp = Math.max(unixAt(now), this.#lastStamp + 1)),
      emit: (output) => this.#outputs.push(output),
      drop: (reason) => this.#drop(reason),
    }
  }

  handle(input: TunnelInput, now: Instant): void {
    if (input.type === 'datagramReceived') return this.#receive(input.datagram, input.path, now)
    if (input.type === 'peerAdded') return this.#addPeer(input, now)
    const peer = this.#peers.get(input.peer)
    if (peer === undefined) return this.#drop('peer-not-added')
    switch (input.type) {
      case 'packetQueued':
        return peer.send(input.packet, now)
      case 'connectRequested':
        return peer.connect(now)
      case 'pathChosen':
        return peer.choosePath(input.path, now)
      case 'peerRemoved':
        this.#peers.delete(input.peer)
        return
      case 'trafficSeen':
        // This transport exports no keys, so no lane can have seen traffic.
        return this.#drop('no-lane')
    }
  }

  wake(now: Instant): void {
    for (const peer of this.#peers.values()) peer.wake(now)
  }

  poll(): TunnelOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return earliest(...[...this.#peers.values()].map((peer) => peer.deadline()))
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters)
  }

  #addPeer(
    { peer: id, publicKey, presharedKey, path }: Extract<TunnelInput, { type: 'peerAdded' }>,
    now: Instant,
  ): void {
    const secret = this.#secretWith(publicKey, presharedKey)
    const before = this.#peers.get(id)
    if (before !== undefined && equalSecrets(before.secret, secret)) {
      if (path !== undefined) before.choosePath(path, now)
      return
    }
    const rival = this.#peerByKey(publicKey)
    if (rival !== undefined) this.#peers.delete(rival.id)
    this.#peers.set(id, new MemoryPeer(this.#side, { id, publicKey: new Uint8Array(publicKey), secret, path }))
  }

  /** Returns the secret shared with a peer, which is the same at both ends. */
  #secretWith(publicKey: Uint8Array, presharedKey: Uint8Array = new Uint8Array(32)): Uint8Array {
    const keys = [toHex(this.#side.publicKey), toHex(publicKey)].sort()
    return new TextEncoder().encode(`${keys.join(':')}:${toHex(presharedKey)}`)
  }

  #peerByKey(publicKey: Uint8Array): MemoryPeer | undefined {
    const wanted = toHex(publicKey)
    return [...this.#peers.values()].find((peer) => toHex(peer.publicKey) === wanted)
  }

  #receive(datagram: Uint8Array, path: Path, now: Instant): void {
    const frame = parseFrame(datagram)
    if (frame.type === 'malformed') return this.#drop('malformed')
    if (frame.type === 'hello') {
      const peer = this.#peerByKey(frame.publicKey)
      if (peer === undefined) return this.#drop('unknown-peer')
      return isAuthentic(datagram, peer.secret) ? peer.receiveHello(frame, path) : this.#drop('wrong-key')
    }
    for (const peer of this.#peers.values()) {
      const session = peer.sessions.find(({ local }) => local === frame.receiver)
      if (frame.type === 'welcome' ? peer.hello !== frame.receiver : session === undefined) continue
      if (!isAuthentic(datagram, peer.secret)) return this.#drop('wrong-key')
      if (frame.type === 'welcome') return peer.receiveWelcome(frame, path, now)
      if (session !== undefined) return peer.receiveData(session, frame, path, now)
    }
    this.#drop('unknown-session')
  }

  #drop(reason: string): void {
    this.#counters.set(reason, (this.#counters.get(reason) ?? 0) + 1)
  }
}
