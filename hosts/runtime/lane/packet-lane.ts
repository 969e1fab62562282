// The native lane's loop, in its worker: bursts from the device are cut, sealed and sent, bursts from the sockets opened, joined and written.
// Between the two native calls of each stands the flows' verdict in TypeScript, once per super-packet. What there is no verdict or no key for
// goes the slow way: whole packets through the flows' machine, or up to the host.
import type { PeerId, TunnelKeysOutput } from '../../../core/contract/tunnel-transport.ts'
import type { Flows, PacketInput, PacketOutput } from '../../../core/flow/flows.ts'
import type { LaneCommand, LaneReport } from '../../../core/flow/lane.ts'
import { OFFLOAD_HEADER_BYTES, expandFrame } from '../../../core/net/offload.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Datagram } from '../../../core/runtime/datagram-socket.ts'
import type { Endpoint, Family } from '../../../core/runtime/endpoint.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import { DropCounter } from '../drop-counter.ts'
import {
  LANE_DROPS,
  OPENED_NEWEST,
  OPENED_PSEUDO_CHECKSUM,
  OPENED_ROW,
  TUN_ROW,
  UDP_ROW,
  UDP_SLOT_BYTES,
  type Addon,
  type Port,
  type SealingLane,
} from '../native/addon.ts'
import { EndpointDecoder, EndpointEncoder, SOCKET_ADDRESS_WORDS } from '../socket-address.ts'
import { FrameSealer, type Destination } from './frame-sealer.ts'
import { FrameWriter } from './frame-writer.ts'
import { withOwnBytes } from './letters.ts'
import { LaneSessions } from './lane-sessions.ts'
import { LaneSession } from './session-traffic.ts'

export interface PacketLaneOptions<Input, Output> {
  addon: Addon
  flows: Flows<Input | PacketInput, Output | PacketOutput>
  clock: Clock
  tun: Port
  sockets: ReadonlyMap<Family, Port>
  /** Reports and datagrams for the host, after each burst. */
  send: (reports: LaneReport<Output | PacketOutput>[], datagrams: Datagram[]) => void
  onFailure: (error: Error) => void
}

/** Frames of a burst from the device: enough for several super-packets, and not so many that they leave the processor's cache. */
const READ_BYTES = 320 * 1024
const READ_ROWS = 128
const RECEIVE_ROWS = 8
const OPENED_ROWS = 2_048
/** Bursts before others get their turn. */
const MOST_BURSTS = 8
const REPORT_INTERVAL_MS = 100
const COUNTERS_INTERVAL_MS = 1_000
/** Datagrams that the host was given and has not taken yet. */
const MOST_WAITING = 4_096

const TUN_F_USO = 0x60
const NEEDS_CHECKSUM = 1

interface LanePeer {
  session: LaneSession | undefined
  destination: Destination | undefined
  /** Where its newest authentic message came from. */
  heardFrom: Uint32Array
}

interface Socket {
  port: Port
  encoder: EndpointEncoder
  decoder: EndpointDecoder
}

export class PacketLane<Input, Output extends { type: string }> {
  readonly #addon: Addon
  readonly #flows: Flows<Input | PacketInput, Output | PacketOutput>
  readonly #clock: Clock
  readonly #options: PacketLaneOptions<Input, Output>
  readonly #lane: SealingLane
  readonly #tun: Port
  readonly #sockets = new Map<Family, Socket>()
  readonly #drops = new DropCounter()
  readonly #sealer: FrameSealer
  readonly #writer: FrameWriter
  readonly #peers = new Map<PeerId, LanePeer>()
  readonly #sessions = new LaneSessions()
  readonly #read = new Uint8Array(READ_BYTES)
  readonly #readRows = new Uint32Array(READ_ROWS * TUN_ROW)
  readonly #received = new Uint8Array(RECEIVE_ROWS * UDP_SLOT_BYTES)
  readonly #receivedRows = new Uint32Array(RECEIVE_ROWS * UDP_ROW)
  readonly #opened = new Uint32Array(OPENED_ROWS * OPENED_ROW)
  readonly #done = new Uint32Array(1)
  readonly #joinUdp: 0 | 1
  #touched: LaneSession[] = []
  #reports: LaneReport<Output | PacketOutput>[] = []
  #datagrams: Datagram[] = []
  #waiting = 0
  #reportTimer: NodeJS.Timeout | undefined
  #reportNow = false
  #wakeAt: Instant | undefined
  #cancelWake: (() => void) | undefined
  readonly #countersTimer: NodeJS.Timeout
  #counted = ''
  #isClosed = false

  constructor(options: PacketLaneOptions<Input, Output>) {
    const { addon, flows, clock, tun, sockets } = options
    this.#options = options
    this.#addon = addon
    this.#flows = flows
    this.#clock = clock
    this.#tun = tun
    this.#lane = addon.createLane()
    this.#sealer = new FrameSealer({ addon, lane: this.#lane, drops: this.#drops })
    this.#writer = new FrameWriter({ addon, tun, drops: this.#drops })
    this.#joinUdp = (addon.tunOffloads(tun) & TUN_F_USO) === TUN_F_USO ? 1 : 0
    for (const [family, port] of sockets) {
      this.#sockets.set(family, { port, encoder: new EndpointEncoder(family), decoder: new EndpointDecoder(family) })
    }
    addon.watch(tun, (status) => this.#attend(status, () => this.#readTun()))
    for (const socket of this.#sockets.values()) {
      addon.watch(socket.port, (status) => this.#attend(status, () => this.#receive(socket)))
    }
    this.#countersTimer = setInterval(() => this.#reportCounters(), COUNTERS_INTERVAL_MS)
  }

  /** Of the host's thread, in order. */
  tell(command: LaneCommand<Input>): void {
    const now = this.#clock.now()
    if (command.type === 'tellFlows') {
      this.#flows.handle(command.input, now)
      this.#drainFlows(now)
    } else this.#takeKeys(command, now)
  }

  /** A datagram of the host's own. */
  sendDatagram({ peer, bytes }: Datagram): void {
    const socket = this.#sockets.get(familyOf(peer))
    const words = socket?.encoder.encode(peer)
    if (socket === undefined || words === undefined) return this.#drops.count('bad-address')
    const row = new Uint32Array(UDP_ROW)
    row[1] = bytes.length
    row.set(words, UDP_ROW - SOCKET_ADDRESS_WORDS)
    if (this.#addon.sendUdp(socket.port, bytes, row, 1) !== 1) this.#drops.countErrno(row[2] ?? 0)
  }

  /** The host took so many datagrams. */
  taken(datagrams: number): void {
    this.#waiting -= datagrams
  }

  /** Carries out what is due after the host told something. */
  settle(): void {
    this.#arm()
    this.#sendReports()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#reportTimer)
    clearInterval(this.#countersTimer)
    this.#cancelWake?.()
    for (const { port } of this.#sockets.values()) this.#addon.close(port)
    this.#addon.close(this.#tun)
    for (const { index } of this.#sessions.all()) this.#addon.removeKeys(this.#lane, index)
  }

  #attend(status: number, work: () => void): void {
    if (this.#isClosed) return
    try {
      if (status < 0) throw new Error(`the device or a socket is gone: ${status}`)
      work()
    } catch (error) {
      this.#options.onFailure(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.settle()
  }

  #readTun(): void {
    const { length } = this.#read
    for (let burst = 0; burst < MOST_BURSTS; burst++) {
      const count = this.#addon.readTun(this.#tun, this.#read, this.#readRows)
      if (count === 0) return
      const now = this.#clock.now()
      for (let row = 0; row < count; row++) {
        this.#passOut(this.#readRows[row * TUN_ROW] ?? length, this.#readRows[row * TUN_ROW + 1] ?? 0, now)
      }
      this.#sealer.flush(now)
    }
  }

  #passOut(offset: number, length: number, now: Instant): void {
    const packet = this.#read.subarray(offset + OFFLOAD_HEADER_BYTES, offset + length)
    const checksum = ((this.#read[offset] ?? 0) & NEEDS_CHECKSUM) === 0 ? 'complete' : 'pseudo'
    const peerId = this.#flows.passFromTun(packet, checksum, now)
    if (peerId === undefined) {
      this.#sealer.flush(now)
      return this.#decide(this.#read.subarray(offset, offset + length), (packets) => {
        this.#flows.handle({ type: 'tunPackets', packets }, now)
        this.#drainFlows(now)
      })
    }
    const peer = this.#peers.get(peerId)
    const session = this.#usable(peer, now)
    if (session === undefined || peer?.destination === undefined) {
      return this.#decide(this.#read.subarray(offset, offset + length), (packets) => {
        for (const one of packets) this.#report({ type: 'sendPacket', peer: peerId, packet: one })
      })
    }
    this.#sealer.add(this.#read, { offset, length }, peer.destination, session.index, now)
    session.sent(length)
    this.#touch(session)
  }

  /** Cuts a frame into whole packets. */
  #decide(frame: Uint8Array, then: (packets: readonly Uint8Array[]) => void): void {
    const packets: Uint8Array[] = []
    const dropped = expandFrame(frame, packets, (bytes) => new Uint8Array(bytes))
    if (dropped === undefined) then(packets)
    else this.#drops.count(dropped)
  }

  #receive(socket: Socket): void {
    for (let burst = 0; burst < MOST_BURSTS; burst++) {
      const messages = this.#addon.receiveUdp(socket.port, this.#received, this.#receivedRows)
      if (messages === 0) return
      const now = this.#clock.now()
      for (let first = 0; first < messages;) {
        const rows = first === 0 ? this.#receivedRows : this.#receivedRows.subarray(first * UDP_ROW)
        const { addon, left } = { addon: this.#addon, left: messages - first }
        const joinUdp = this.#joinUdp
        const opened = addon.open(this.#lane, this.#received, rows, left, this.#opened, now, joinUdp, this.#done)
        for (let row = 0; row < opened; row++) this.#passIn(row * OPENED_ROW, socket, rows, now)
        this.#writer.flush()
        first += this.#done[0] ?? left
      }
    }
  }

  #passIn(at: number, socket: Socket, messages: Uint32Array, now: Instant): void {
    const offset = this.#opened[at] ?? 0
    const length = this.#opened[at + 1] ?? 0
    const handle = this.#opened[at + 2] ?? 0
    const flags = this.#opened[at + 3] ?? 0
    const addressAt = (flags & 0xffff) * UDP_ROW + UDP_ROW - SOCKET_ADDRESS_WORDS
    if (handle === 0) return this.#passUp(socket.decoder.decode(messages, addressAt), offset, length)
    const session = this.#sessions.at(handle - 1)
    const peer = this.#peers.get(session?.peer ?? '')
    if (session === undefined || peer === undefined) return
    session.received(length)
    if ((flags & OPENED_NEWEST) !== 0 && !isSame(peer.heardFrom, messages, addressAt)) {
      peer.heardFrom.set(messages.subarray(addressAt, addressAt + SOCKET_ADDRESS_WORDS))
      session.cameFrom(socket.decoder.decode(messages, addressAt))
      this.#reportNow = true
    }
    // The host may wait for this: a session is used once the other side has shown that it has the keys.
    if (!session.isHeard) this.#reportNow = true
    session.isHeard = true
    this.#touch(session)
    if (length === 0) return
    const checksum = (flags & OPENED_PSEUDO_CHECKSUM) === 0 ? 'complete' : 'pseudo'
    const packet = this.#received.subarray(offset + OFFLOAD_HEADER_BYTES, offset + length)
    if (this.#flows.passFromTunnel(session.peer, packet, checksum, now)) {
      return this.#writer.add(this.#received, offset, length)
    }
    this.#writer.flush()
    this.#decide(this.#received.subarray(offset, offset + length), (packets) => {
      for (const one of packets) {
        this.#flows.handle({ type: 'tunnelPacket', peer: session.peer, packet: one }, now)
        this.#drainFlows(now)
      }
    })
  }

  #passUp(peer: Endpoint, offset: number, length: number): void {
    if (this.#waiting >= MOST_WAITING) return this.#drops.count('host-busy')
    this.#waiting++
    this.#datagrams.push({ peer, bytes: this.#received.slice(offset, offset + length) })
  }

  #drainFlows(now: Instant): void {
    for (let output = this.#flows.poll(); output !== undefined; output = this.#flows.poll()) {
      if (!isPacketOutput(output)) this.#report(output)
      else if (output.type === 'writeTun') this.#writer.write(output.packet)
      else this.#sendPacket(output.peer, output.packet, now)
    }
  }

  #sendPacket(peerId: PeerId, packet: Uint8Array, now: Instant): void {
    const peer = this.#peers.get(peerId)
    const session = this.#usable(peer, now)
    if (session === undefined || peer?.destination === undefined) {
      return this.#report({ type: 'sendPacket', peer: peerId, packet })
    }
    this.#sealer.sealPacket(packet, peer.destination, session.index, now)
    if (packet.length === 0) return
    session.sent(packet.length)
    this.#touch(session)
  }

  #usable(peer: LanePeer | undefined, now: Instant): LaneSession | undefined {
    const session = peer?.session
    return session !== undefined && now < session.expiresAt ? session : undefined
  }

  #takeKeys(command: TunnelKeysOutput, now: Instant): void {
    switch (command.type) {
      case 'installKeys': {
        const { index, remoteIndex, sendKey, receiveKey, expiresAt } = command.keys
        this.#forget(index)
        const handle = this.#sessions.add(new LaneSession(command.peer, index, expiresAt))
        const session = new Uint32Array([index, remoteIndex, handle])
        this.#addon.installKeys(this.#lane, session, sendKey, receiveKey, expiresAt)
        sendKey.fill(0)
        receiveKey.fill(0)
        this.#remember(command.peer)
        return
      }
      case 'removeKeys':
        return this.#forget(command.index, command.peer)
      case 'useKeys': {
        const peer = this.#peers.get(command.peer)
        if (peer === undefined) return
        peer.session = this.#sessions.find(command.index)
        peer.destination = command.path === undefined ? undefined : this.#destination(command.path as Endpoint)
        return
      }
      case 'sealPacket':
        if (this.#usable(this.#peers.get(command.peer), now) === undefined) return this.#drops.count('no-session')
        this.#sendPacket(command.peer, command.packet, now)
    }
  }

  #remember(id: PeerId): void {
    if (this.#peers.has(id)) return
    const heardFrom = new Uint32Array(SOCKET_ADDRESS_WORDS)
    this.#peers.set(id, { session: undefined, destination: undefined, heardFrom })
  }

  #destination(path: Endpoint): Destination | undefined {
    const socket = this.#sockets.get(familyOf(path))
    const words = socket?.encoder.encode(path)
    return socket === undefined || words === undefined ? undefined : { socket: socket.port, words: words.slice() }
  }

  #forget(index: number, peerId?: PeerId): void {
    this.#addon.removeKeys(this.#lane, index)
    const session = this.#sessions.remove(index)
    if (session === undefined) return
    const peer = this.#peers.get(session.peer)
    if (peer?.session === session) peer.session = undefined
    // A peer without keys is forgotten; the next keys bring it back.
    if (peerId !== undefined && !this.#sessions.hasAnyOf(peerId)) this.#peers.delete(peerId)
  }

  #touch(session: LaneSession): void {
    if (session.isTouched) return
    session.isTouched = true
    this.#touched.push(session)
  }

  #report(output: Output | PacketOutput): void {
    this.#reports.push({ type: 'flowsOutput', output: withOwnBytes(output) })
  }

  /** Traffic at once after a silence, then at intervals. */
  #sendReports(): void {
    if (this.#touched.length > 0 && (this.#reportNow || this.#reportTimer === undefined)) this.#reportTraffic()
    if (this.#reports.length === 0 && this.#datagrams.length === 0) return
    const reports = this.#reports
    const datagrams = this.#datagrams
    this.#reports = []
    this.#datagrams = []
    this.#options.send(reports, datagrams)
  }

  #reportTraffic(): void {
    this.#reportNow = false
    for (const session of this.#touched) this.#reports.push({ type: 'trafficSeen', ...session.takeReport() })
    this.#touched = []
    this.#reportTimer ??= setTimeout(() => {
      this.#reportTimer = undefined
      this.#sendReports()
    }, REPORT_INTERVAL_MS)
  }

  #reportCounters(): void {
    const lane: Record<string, number> = { ...this.#drops.counts() }
    const counts = new Float64Array(LANE_DROPS.length)
    this.#addon.laneDrops(this.#lane, counts)
    for (const [at, reason] of LANE_DROPS.entries()) {
      const count = counts[at] ?? 0
      if (count > 0) lane[reason] = (lane[reason] ?? 0) + count
    }
    const report = { type: 'countersRead' as const, flows: this.#flows.counters(), lane }
    const text = JSON.stringify(report)
    if (text === this.#counted) return
    this.#counted = text
    this.#reports.push(report)
    this.#sendReports()
  }

  /** The flows' own deadlines. */
  #arm(): void {
    const at = this.#flows.deadline()?.at
    if (at === this.#wakeAt) return
    this.#cancelWake?.()
    this.#wakeAt = at
    this.#cancelWake =
      at === undefined
        ? undefined
        : this.#clock.wake(at, () => {
            this.#wakeAt = undefined
            const now = this.#clock.now()
            this.#flows.wake(now)
            this.#drainFlows(now)
            this.settle()
          })
  }
}

const isPacketOutput = (output: { type: string }): output is PacketOutput =>
  output.type === 'sendPacket' || output.type === 'writeTun'

const familyOf = (peer: Endpoint): Family => (peer.startsWith('[') ? 'ipv6' : 'ipv4')

const isSame = (words: Uint32Array, table: Uint32Array, at: number): boolean => {
  for (let word = 0; word < SOCKET_ADDRESS_WORDS; word++) if (words[word] !== table[at + word]) return false
  return true
}
