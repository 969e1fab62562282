// The fast way of a relay's data: bursts of ChannelData and of peers' data, in the buffer that they were received in.
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import type { Instant } from '../../core/runtime/time.ts'
import type { Allocation, Channel } from '../../core/turn/allocation.ts'
import { CHANNEL_HEADER_BYTES, encodeChannelData, writeChannelHeader } from '../../core/turn/channel-data.ts'
import type { TurnRelay } from '../../core/turn/turn-relay.ts'
import { UDP_ROW, UDP_SLOT_BYTES, type Addon } from '../runtime/native/addon.ts'
import { SOCKET_ADDRESS_WORDS } from '../runtime/socket-address.ts'
import type { RelayPort } from './relay-port.ts'
import { STREAM_LISTENER } from './relay-streams.ts'
import { MAX_BURST } from './socket-turns.ts'

/** Room in front of the first message for a header. The others have theirs at the unused end of the slot before. */
const HEAD = 64
/** Bytes of a slot that a message and its headers may use: the next one's header is in front of its slot. */
const SLOT_ROOM = UDP_SLOT_BYTES - CHANNEL_HEADER_BYTES
const EMPTY = new Uint8Array()

export interface RelayBurstOptions {
  addon: Addon
  relay: TurnRelay
  /** Returns the port by which data of an allocation goes to its peers; undefined if it is closed. */
  portOf: (allocation: Allocation, channel: Channel) => RelayPort | undefined
  /** Returns the port by which a client is reached; undefined if that is a stream. */
  clientPortOf: (allocation: Allocation) => RelayPort | undefined
  /** Takes a datagram of a client that has no fast way. Its bytes are borrowed until it returns. */
  onClientDatagram: (listener: number, source: string, bytes: Uint8Array) => void
  /** Takes a datagram of a peer that has no fast way. Its bytes are borrowed until it returns. */
  onPeerDatagram: (allocation: Allocation, port: RelayPort, from: Endpoint, bytes: Uint8Array) => void
  /** Called with datagrams that are dropped because their account has had as much data as it may have. */
  onRefused: (allocation: Allocation, datagrams: number) => void
  /** Sends ChannelData to a client at the end of a stream. */
  sendToStream: (allocation: Allocation, bytes: Uint8Array) => void
}

/** Burst to read at a port: at most so many messages. */
export interface Burst {
  port: RelayPort
  messages: number
  now: Instant
}

/** Forwards bursts of data between clients and peers. One buffer serves all ports, one burst after another. */
export class RelayBurst {
  readonly #options: RelayBurstOptions
  readonly #bytes = new Uint8Array(HEAD + MAX_BURST * UDP_SLOT_BYTES)
  readonly #received = this.#bytes.subarray(HEAD)
  readonly #table = new Uint32Array(MAX_BURST * UDP_ROW)
  /** Ports with queued datagrams. */
  readonly #queued = new Set<RelayPort>()
  readonly traffic = { datagrams: 0, bytes: 0 }
  /** Last external datagram of the message at hand, to which the next is moved so that both are sent as one. */
  #tail: { port: RelayPort; to: Endpoint; end: number } | undefined

  constructor(options: RelayBurstOptions) {
    this.#options = options
  }

  /**
   * Reads a burst of messages at a listening socket and forwards it. Returns whether there may be another one.
   * @throws a system error if the socket broke
   */
  fromClients(listener: number, { port, messages, now }: Burst): boolean {
    return this.#receive(port, messages, (source, at, end, segment) => {
      const allocation = this.#options.relay.allocationOf(listener, source)
      if (allocation === undefined)
        return this.#pass(at, end, segment, (bytes) => this.#options.onClientDatagram(listener, source, bytes))
      this.#fromClient(allocation, { listener, source, at, end, segment, now })
    })
  }

  /**
   * Reads a burst of messages at a relayed port and forwards it. Returns whether there may be another one.
   * @throws a system error if the socket broke
   */
  fromPeers(allocation: Allocation, { port, messages, now }: Burst): boolean {
    return this.#receive(port, messages, (from, at, end, segment) => {
      const channel = this.#options.relay.inbound(allocation, from, now)
      if (channel === undefined || channel.isInHouse) {
        return this.#pass(at, end, segment, (bytes) => this.#options.onPeerDatagram(allocation, port, from, bytes))
      }
      this.#fromPeer(channel, { at, end, segment, now })
    })
  }

  /** Forwards messages that came together by a client's stream, none longer than a slot. They are borrowed. */
  fromStream(source: string, messages: readonly Uint8Array[], now: Instant): void {
    const { relay, onClientDatagram } = this.#options
    let at = HEAD
    for (let index = 0; index < messages.length;) {
      const segment = messages[index]?.length ?? 0
      const allocation = relay.allocationOf(STREAM_LISTENER, source)
      if (allocation === undefined || segment === 0) {
        onClientDatagram(STREAM_LISTENER, source, messages[index++] ?? EMPTY)
        continue
      }
      if (at + segment > this.#bytes.length) {
        this.#flush()
        at = HEAD
      }
      // Joins what the kernel would: datagrams of one length, and a shorter last one.
      let end = at
      for (let message = messages[index]; message !== undefined; message = messages[index]) {
        if (message.length > segment || message.length === 0 || end + message.length > this.#bytes.length) break
        this.#bytes.set(message, end)
        end += message.length
        index++
        if (message.length < segment) break
      }
      this.#fromClient(allocation, { listener: STREAM_LISTENER, source, at, end, segment, now })
      at = end
    }
    this.#flush()
  }

  #receive(
    port: RelayPort,
    messages: number,
    take: (from: Endpoint, at: number, end: number, segment: number) => void,
  ): boolean {
    const table = this.#table.subarray(0, messages * UDP_ROW)
    const rows = this.#options.addon.receiveUdp(port.handle, this.#received, table)
    for (let row = 0; row < rows; row++) {
      const start = row * UDP_ROW
      const at = HEAD + (table[start] ?? 0)
      const end = at + (table[start + 1] ?? 0)
      const from = port.decoder.decode(table, start + UDP_ROW - SOCKET_ADDRESS_WORDS)
      if (end > at) take(from, at, end, Math.max(1, table[start + 2] ?? 0))
    }
    this.#flush()
    return rows === messages
  }

  #flush(): void {
    for (const queued of this.#queued) queued.flush(this.#bytes)
    this.#queued.clear()
  }

  /** Passes each datagram of a message on. */
  #pass(at: number, end: number, segment: number, take: (bytes: Uint8Array) => void): void {
    for (let from = at; from < end; from += segment) take(this.#bytes.subarray(from, Math.min(from + segment, end)))
  }

  #fromClient(
    allocation: Allocation,
    message: { listener: number; source: string; at: number; end: number; segment: number; now: Instant },
  ): void {
    const { relay, portOf, clientPortOf, onClientDatagram, onRefused, sendToStream } = this.#options
    const { listener, source, end, segment, now } = message
    const bytes = this.#bytes
    let number = -1
    let refused = 0
    let channel: Channel | undefined
    let port: RelayPort | undefined
    this.#tail = undefined
    for (let at = message.at; at < end; at += segment) {
      const next = Math.min(at + segment, end)
      const said = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
      if (said !== number) {
        number = said
        channel = said >> 14 === 1 ? relay.outbound(allocation, said, now) : undefined
        if (channel !== undefined) {
          port = channel.allocation === allocation ? portOf(allocation, channel) : clientPortOf(channel.allocation)
        }
      }
      const length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
      if (channel === undefined || at + CHANNEL_HEADER_BYTES + length > next) {
        onClientDatagram(listener, source, bytes.subarray(at, next))
        // Whatever it was may have changed where the next one goes.
        number = -1
        continue
      }
      if (!relay.admits(allocation, length, now)) {
        refused++
        continue
      }
      this.traffic.datagrams++
      this.traffic.bytes += length
      if (channel.allocation !== allocation) {
        // For another client of this relay: its own number of the channel takes the place of the sender's.
        writeChannelHeader(bytes, { channel: channel.number, length, offset: at })
        const whole = CHANNEL_HEADER_BYTES + length
        if (port === undefined) sendToStream(channel.allocation, bytes.subarray(at, at + whole))
        else this.#queue(port, channel.allocation.client.source as Endpoint, at, whole)
        this.#tail = undefined
      } else if (port !== undefined) this.#toPeer(port, channel.peer, at + CHANNEL_HEADER_BYTES, length)
    }
    if (refused > 0) onRefused(allocation, refused)
  }

  /** Queues data for a peer, next to the data before it, so that the kernel takes both as one message. */
  #toPeer(port: RelayPort, to: Endpoint, at: number, length: number): void {
    const tail = this.#tail
    const isNext = tail !== undefined && tail.port === port && tail.to === to
    const offset = isNext ? tail.end : at
    if (offset !== at) this.#bytes.copyWithin(offset, at, at + length)
    this.#queue(port, to, offset, length)
    if (isNext) tail.end = offset + length
    else this.#tail = { port, to, end: offset + length }
  }

  #fromPeer(
    channel: Channel,
    { at, end, segment, now }: { at: number; end: number; segment: number; now: Instant },
  ): void {
    const { relay, clientPortOf, onRefused, sendToStream } = this.#options
    const { allocation, number } = channel
    const count = Math.ceil((end - at) / segment)
    if (!relay.admits(allocation, end - at, now)) return onRefused(allocation, count)
    const port = clientPortOf(allocation)
    this.traffic.datagrams += count
    this.traffic.bytes += end - at
    const inSlot = (at - HEAD) % UDP_SLOT_BYTES
    const room = SLOT_ROOM - inSlot - (end - at)
    const to = allocation.client.source as Endpoint
    if (room < (count - 1) * CHANNEL_HEADER_BYTES)
      return this.#pass(at, end, segment, (data) => {
        const message = encodeChannelData(number, data)
        if (port === undefined) sendToStream(allocation, message)
        else port.send(to, message)
      })
    // Each datagram gets a header in front; from the last on, so that none is overwritten before it has moved.
    for (let index = count - 1; index >= 0; index--) {
      const from = at + index * segment
      const length = Math.min(segment, end - from)
      const place = from + index * CHANNEL_HEADER_BYTES
      if (place !== from) this.#bytes.copyWithin(place, from, from + length)
      writeChannelHeader(this.#bytes, { channel: number, length, offset: place - CHANNEL_HEADER_BYTES })
    }
    for (let index = 0; index < count; index++) {
      const length = CHANNEL_HEADER_BYTES + Math.min(segment, end - at - index * segment)
      const place = at + index * (segment + CHANNEL_HEADER_BYTES) - CHANNEL_HEADER_BYTES
      if (port === undefined) sendToStream(allocation, this.#bytes.subarray(place, place + length))
      else this.#queue(port, to, place, length)
    }
  }

  #queue(port: RelayPort, to: Endpoint, offset: number, length: number): void {
    if (port.isFull) port.flush(this.#bytes)
    port.queue(to, offset, length)
    this.#queued.add(port)
  }
}
