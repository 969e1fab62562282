// Loop of the native lane, in its worker thread. From the TUN device: read a burst of frames, ask the flows for a
// verdict on each, encrypt and send. From the tunnel: receive a burst of messages, decrypt and join segments, ask for a
// verdict, write to the device. Frames are super-packets of up to 64 KB. A packet without a cached verdict goes through
// the flows' `handle`, one without keys to the host's thread, and so does a datagram that is no data message.
import type { PeerId } from '../../../core/contract/tunnel-transport.ts'
import type { Flows, Offload, PacketInput, PacketOutput } from '../../../core/flow/flows.ts'
import type { Counts, LaneCommand, LaneReport } from '../../../core/flow/lane.ts'
import { OFFLOAD_HEADER_BYTES, expandFrame } from '../../../core/net/offload.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { Counters } from '../../../core/runtime/counters.ts'
import type { Datagram, ReceivedDatagram } from '../../../core/runtime/datagram-socket.ts'
import type { Endpoint, Family } from '../../../core/runtime/endpoint.ts'
import { channelPath, FIRST_CHANNEL, splitPath, type TunnelPath } from '../../../core/runtime/path.ts'
import type { Instant } from '../../../core/runtime/time.ts'
import { sendOne } from '../datagram-socket.ts'
import {
  LANE_DROPS,
  OPENED_CHANNEL_SHIFT,
  OPENED_NEWEST,
  OPENED_PSEUDO_CHECKSUM,
  OPENED_ROW,
  TUN_ROW,
  UDP_ROW,
  UDP_SLOT_BYTES,
  type Addon,
  type Port,
  type PortSet,
  type SealingLane,
} from '../native/addon.ts'
import { EndpointDecoder, EndpointEncoder, SOCKET_ADDRESS_WORDS } from '../socket-address.ts'
import { FrameSealer } from './frame-sealer.ts'
import { FrameWriter } from './frame-writer.ts'
import { LanePeers, withChannel, type Destination, type Way } from './lane-peers.ts'
import { LaneReports } from './lane-reports.ts'

export interface PacketLaneOptions<Input, Output> {
  addon: Addon
  flows: Flows<Input | PacketInput, Output | PacketOutput>
  clock: Clock
  tun: Port
  sockets: ReadonlyMap<Family, Port>
  /** Called after each burst with reports and datagrams for the host. */
  send: (reports: LaneReport<Output | PacketOutput>[], datagrams: ReceivedDatagram[]) => void
  onFailure: (error: Error) => void
}

/** Bytes read from the device per burst: several super-packets, few enough to stay in the processor's cache. */
const READ_BYTES = 320 * 1024
const READ_ROWS = 128
const RECEIVE_ROWS = 8
const OPENED_ROWS = 2_048
/** Number that `wait` returns for the device; sockets are numbered from `FIRST_SOCKET` on. */
const TUN_PORT = 1
const FIRST_SOCKET = 2

const TUN_F_USO = 0x60

interface Socket {
  port: Port
  encoder: EndpointEncoder
  decoder: EndpointDecoder
}

/** Native lane: moves packets between TUN device and sockets in a worker thread. */
export class PacketLane<Input, Output extends { type: string }> {
  readonly #addon: Addon
  readonly #flows: Flows<Input | PacketInput, Output | PacketOutput>
  readonly #clock: Clock
  readonly #options: PacketLaneOptions<Input, Output>
  readonly #lane: SealingLane
  readonly #tun: Port
  readonly #sockets = new Map<Family, Socket>()
  readonly #drops = new Counters()
  readonly #sealer: FrameSealer
  readonly #writer: FrameWriter
  readonly #peers: LanePeers
  readonly #reports: LaneReports<Output>
  readonly #read = new Uint8Array(READ_BYTES)
  readonly #readRows = new Uint32Array(READ_ROWS * TUN_ROW)
  readonly #received = new Uint8Array(RECEIVE_ROWS * UDP_SLOT_BYTES)
  readonly #receivedRows = new Uint32Array(RECEIVE_ROWS * UDP_ROW)
  readonly #opened = new Uint32Array(OPENED_ROWS * OPENED_ROW)
  /** Offload work of the frame being processed; reused to avoid allocation. */
  readonly #offload: Offload = { checksum: 'complete', segmentBytes: 0 }
  readonly #done = new Uint32Array(1)
  readonly #count = new Uint32Array(1)
  readonly #ports: PortSet
  readonly #inOrder: readonly Socket[]
  readonly #joinUdp: 0 | 1
  #wakeAt: Instant | undefined
  #cancelWake: (() => void) | undefined
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
    const resolve = this.#destination.bind(this)
    this.#reports = new LaneReports({
      send: options.send,
      takeTraffic: (handle) => this.#peers.takeReport(handle),
      readCounters: () => this.#counters(),
    })
    const report = this.#reports.addTraffic.bind(this.#reports)
    this.#peers = new LanePeers({ addon, lane: this.#lane, numbers: flows.numbers, resolve, report })
    this.#joinUdp = (addon.tunOffloads(tun) & TUN_F_USO) === TUN_F_USO ? 1 : 0
    for (const [family, port] of sockets) {
      this.#sockets.set(family, { port, encoder: new EndpointEncoder(family), decoder: new EndpointDecoder(family) })
    }
    this.#inOrder = [...this.#sockets.values()]
    this.#ports = addon.openPortSet([tun, ...sockets.values()], () => this.#attend())
  }

  /** Carries out a command of the host. */
  tell(command: LaneCommand<Input>): void {
    const now = this.#clock.now()
    if (command.type === 'tellFlows') {
      this.#flows.handle(command.input, now)
      this.#drainFlows(now)
    } else if (command.type !== 'sealPacket') this.#peers.take(command)
    else if (this.#wayTo(command.peer, now) === undefined) this.#drops.count('no-session')
    else this.#sendPacket(command.peer, command.packet, now)
  }

  /** Sends a datagram of the host, such as a handshake message or a connectivity check. */
  sendDatagram(datagram: Datagram): void {
    const socket = this.#sockets.get(familyOf(datagram.to))
    if (socket === undefined) return this.#drops.count('bad-address')
    const { port, encoder } = socket
    sendOne({ addon: this.#addon, port, encoder }, datagram, this.#drops)
  }

  /** Notes that the host has processed a number of datagrams. */
  taken(datagrams: number): void {
    this.#reports.taken(datagrams)
  }

  /** Sends pending reports and arms the flows' timer; call after commands of the host. */
  settle(): void {
    this.#arm()
    this.#reports.flush()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#reports.close()
    this.#cancelWake?.()
    this.#addon.closePortSet(this.#ports)
    for (const { port } of this.#sockets.values()) this.#addon.close(port)
    this.#addon.close(this.#tun)
    this.#peers.clear()
  }

  /** Moves bursts of packets until none arrive or the event loop has other work. */
  #attend(): void {
    try {
      while (!this.#isClosed) {
        const port = this.#addon.wait(
          this.#ports,
          this.#read,
          this.#readRows,
          this.#received,
          this.#receivedRows,
          this.#count,
        )
        if (port === 0) return
        if (port === TUN_PORT) this.#passAllFromTun(this.#count[0] ?? 0)
        else this.#passAllFromTunnel(this.#count[0] ?? 0, this.#inOrder[port - FIRST_SOCKET])
        this.settle()
      }
    } catch (error) {
      this.#addon.closePortSet(this.#ports)
      this.#options.onFailure(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #passAllFromTun(count: number): void {
    const now = this.#clock.now()
    for (let row = 0; row < count; row++) {
      this.#passFromTun(this.#readRows[row * TUN_ROW] ?? 0, this.#readRows[row * TUN_ROW + 1] ?? 0, now)
    }
    this.#sealer.flush(now)
  }

  #passFromTun(offset: number, length: number, now: Instant): void {
    const packet = this.#read.subarray(offset + OFFLOAD_HEADER_BYTES, offset + length)
    readOffload(this.#read, offset, this.#offload)
    const peer = this.#flows.passFromTun(packet, this.#offload, now)
    if (peer === undefined) {
      this.#sealer.flush(now)
      return this.#withPackets(this.#read.subarray(offset, offset + length), (packets) => {
        this.#flows.handle({ type: 'tunPackets', packets }, now)
        this.#drainFlows(now)
      })
    }
    const way = this.#peers.wayTo(peer, now)
    if (way === undefined) {
      return this.#withPackets(this.#read.subarray(offset, offset + length), (packets) => {
        const id = this.#flows.numbers.idOf(peer)
        for (const packet of packets) this.#reports.addOutput({ type: 'sendPacket', peer: id, packet })
      })
    }
    this.#sealer.add(this.#read, { offset, length }, way, now)
    this.#noteSent(way, length)
  }

  /** Segments a frame into whole packets and passes them to `then`; drops a malformed frame. */
  #withPackets(frame: Uint8Array, then: (packets: readonly Uint8Array[]) => void): void {
    const packets: Uint8Array[] = []
    const dropped = expandFrame(frame, packets, (bytes) => new Uint8Array(bytes))
    if (dropped === undefined) then(packets)
    else this.#drops.count(dropped)
  }

  #passAllFromTunnel(messages: number, socket: Socket | undefined): void {
    if (socket === undefined) return
    const now = this.#clock.now()
    for (let first = 0; first < messages;) {
      const rows = first === 0 ? this.#receivedRows : this.#receivedRows.subarray(first * UDP_ROW)
      const { addon, left } = { addon: this.#addon, left: messages - first }
      const joinUdp = this.#joinUdp
      const opened = addon.open(this.#lane, this.#received, rows, left, this.#opened, now, joinUdp, this.#done)
      for (let row = 0; row < opened; row++) this.#passFromTunnel(row * OPENED_ROW, socket, rows, now)
      this.#writer.flush()
      first += this.#done[0] ?? left
    }
  }

  #passFromTunnel(at: number, socket: Socket, messages: Uint32Array, now: Instant): void {
    const offset = this.#opened[at] ?? 0
    const length = this.#opened[at + 1] ?? 0
    const handle = this.#opened[at + 2] ?? 0
    const flags = this.#opened[at + 3] ?? 0
    const addressAt = (flags & 0xffff) * UDP_ROW + UDP_ROW - SOCKET_ADDRESS_WORDS
    if (handle === 0) return this.#passToHost(socket.decoder.decode(messages, addressAt), offset, length)
    const { traffic } = this.#peers
    const peer = traffic.peerOf(handle - 1)
    if (peer < 0) return
    // Reported at once: the host may wait for the first message as proof that the peer has the session's keys.
    const isFirst = traffic.received(handle - 1, length)
    if (isFirst) this.#reports.hurry()
    if ((flags & OPENED_NEWEST) !== 0) {
      const channel = channelOf(flags)
      if (this.#peers.heardFrom(peer, messages, addressAt, channel)) {
        const from = socket.decoder.decode(messages, addressAt)
        traffic.cameFrom(handle - 1, channel === 0 ? from : channelPath(from, channel))
        this.#reports.hurry()
      }
    }
    if (isFirst) this.#peers.confirmed(handle - 1, socket.port)
    if (traffic.touch(handle - 1)) this.#reports.touch(handle - 1)
    if (length === 0) return
    const checksum = (flags & OPENED_PSEUDO_CHECKSUM) === 0 ? 'complete' : 'pseudo'
    const packet = this.#received.subarray(offset + OFFLOAD_HEADER_BYTES, offset + length)
    if (this.#flows.passFromTunnel(peer, packet, checksum, now)) {
      return this.#writer.add(this.#received, offset, length)
    }
    this.#writer.flush()
    this.#withPackets(this.#received.subarray(offset, offset + length), (packets) => {
      const id = this.#flows.numbers.idOf(peer)
      for (const one of packets) {
        this.#flows.handle({ type: 'tunnelPacket', peer: id, packet: one }, now)
        this.#drainFlows(now)
      }
    })
  }

  #passToHost(from: Endpoint, offset: number, length: number): void {
    const isAdded = this.#reports.addDatagram(() => ({ from, bytes: this.#received.slice(offset, offset + length) }))
    if (!isAdded) this.#drops.count('host-busy')
  }

  #drainFlows(now: Instant): void {
    for (let output = this.#flows.poll(); output !== undefined; output = this.#flows.poll()) {
      if (!isPacketOutput(output)) this.#reports.addOutput(output)
      else if (output.type === 'writeTun') this.#writer.write(output.packet)
      else this.#sendPacket(output.peer, output.packet, now)
    }
  }

  #sendPacket(peer: PeerId, packet: Uint8Array, now: Instant): void {
    const way = this.#wayTo(peer, now)
    if (way === undefined) return this.#reports.addOutput({ type: 'sendPacket', peer, packet })
    this.#sealer.sealPacket(packet, way, now)
    if (packet.length > 0) this.#noteSent(way, packet.length)
  }

  #wayTo(peer: PeerId, now: Instant): Way | undefined {
    const number = this.#flows.numbers.find(peer)
    return number === undefined ? undefined : this.#peers.wayTo(number, now)
  }

  #noteSent({ handle }: Way, bytes: number): void {
    this.#peers.traffic.sent(handle, bytes)
    if (this.#peers.traffic.touch(handle)) this.#reports.touch(handle)
  }

  #destination(path: TunnelPath): Destination | undefined {
    const { to, channel } = splitPath(path)
    const socket = this.#sockets.get(familyOf(to))
    const words = socket?.encoder.encode(to)
    if (socket === undefined || words === undefined) return undefined
    const own = words.slice()
    own[0] = withChannel(own[0] ?? 0, channel ?? 0)
    return { socket: socket.port, words: own }
  }

  #counters(): { flows: Counts; lane: Counts } {
    const lane: Record<string, number> = { ...this.#drops.snapshot() }
    const counts = new Float64Array(LANE_DROPS.length)
    this.#addon.laneDrops(this.#lane, counts)
    for (const [at, reason] of LANE_DROPS.entries()) {
      const count = counts[at] ?? 0
      if (count > 0) lane[reason] = (lane[reason] ?? 0) + count
    }
    return { flows: this.#flows.counters(), lane }
  }

  /** Arms a timer for the flows' next deadline. */
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

/** Returns the number of the relay's channel in the flags of an opened message; 0 if there is none. */
const channelOf = (flags: number): number => {
  const channel = flags >>> OPENED_CHANNEL_SHIFT
  return channel === 0 ? 0 : FIRST_CHANNEL - 1 + channel
}

const NEEDS_CHECKSUM = 1
const GSO_NONE = 0

/**
 * Reads the virtio_net header at `offset` (core/net/offload.ts) into `into`, so that no object is made for each frame.
 */
const readOffload = (bytes: Uint8Array, offset: number, into: Offload): void => {
  into.checksum = ((bytes[offset] ?? 0) & NEEDS_CHECKSUM) === 0 ? 'complete' : 'pseudo'
  into.segmentBytes = bytes[offset + 1] === GSO_NONE ? 0 : (bytes[offset + 4] ?? 0) | ((bytes[offset + 5] ?? 0) << 8)
}

const isPacketOutput = (output: { type: string }): output is PacketOutput =>
  output.type === 'sendPacket' || output.type === 'writeTun'

const familyOf = (endpoint: Endpoint): Family => (endpoint.startsWith('[') ? 'ipv6' : 'ipv4')
