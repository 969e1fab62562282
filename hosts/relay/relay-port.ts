import { constants } from 'node:os'
import type { Counters } from '../../core/runtime/counters.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { WaitingDatagrams } from '../../core/turn/waiting-datagrams.ts'
import { countErrno } from '../runtime/count-errno.ts'
import { UDP_ROW, type Addon, type Port } from '../runtime/native/addon.ts'
import { SOCKET_ADDRESS_WORDS, type EndpointDecoder, type EndpointEncoder } from '../runtime/socket-address.ts'

/** Most datagrams of one burst towards one port. */
const ROWS = 1_024
/** Column of a row's address. */
const ADDRESS = UDP_ROW - SOCKET_ADDRESS_WORDS
/** Errors of a socket that has no room at the moment. */
const [EAGAIN, ENOBUFS] = [constants.errno.EAGAIN, constants.errno.ENOBUFS]
const FULL: ReadonlySet<number> = new Set([EAGAIN, ENOBUFS])

export interface RelayPortOptions {
  addon: Pick<Addon, 'sendUdp' | 'close'>
  handle: Port
  /** Encoder and decoder of the port's family, which all ports of it share. */
  encoder: EndpointEncoder
  decoder: EndpointDecoder
  /** Counter of datagrams that the kernel refused, by error. */
  drops: Counters
  /** Called when datagrams wait for room in the socket: `retry` has to be called soon. */
  onWaiting: (port: RelayPort) => void
}

/**
 * UDP socket of a relay. Datagrams of a burst are queued as places in the buffer that they were received in, and sent
 * together by `flush`. If the socket has no room they wait, each receiver's in a queue that drops the oldest.
 */
export class RelayPort {
  readonly handle: Port
  readonly decoder: EndpointDecoder
  readonly #options: RelayPortOptions
  readonly #waiting = new WaitingDatagrams<Endpoint>()
  #table: Uint32Array | undefined
  #receivers: Endpoint[] = []
  #rows = 0
  #isClosed = false

  constructor(options: RelayPortOptions) {
    this.#options = options
    this.handle = options.handle
    this.decoder = options.decoder
  }

  /** Number of datagrams that were dropped for newer ones. */
  get dropped(): number {
    return this.#waiting.dropped
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Whether datagrams are queued and `flush` has to be called. */
  get isQueued(): boolean {
    return this.#rows > 0
  }

  /** Whether there is no room in the queue of this burst. */
  get isFull(): boolean {
    return this.#rows === ROWS
  }

  /** Queues the datagram at a place in the burst's buffer. It must stay as it is until `flush`. */
  queue(to: Endpoint, offset: number, length: number): void {
    const words = this.#options.encoder.encode(to)
    if (words === undefined) return this.#options.drops.count('bad-address')
    this.#table ??= tables.pop() ?? new Uint32Array(ROWS * UDP_ROW)
    const at = this.#rows * UDP_ROW
    const table = this.#table
    table[at] = offset
    table[at + 1] = length
    for (let word = 0; word < SOCKET_ADDRESS_WORDS; word++) table[at + ADDRESS + word] = words[word] ?? 0
    this.#receivers[this.#rows++] = to
  }

  /** Sends what is queued, from the buffer of the burst. */
  flush(bytes: Uint8Array): void {
    const table = this.#table
    const rows = this.#rows
    this.#table = undefined
    this.#rows = 0
    if (table === undefined) return
    const { addon, handle } = this.#options
    if (this.#isClosed) return this.#recycle(table)
    if (!this.#waiting.isEmpty) this.#letWait(table, rows, bytes, () => true)
    else if (addon.sendUdp(handle, bytes, table, rows) !== rows) {
      for (let row = 0; row < rows; row++) {
        const errno = table[row * UDP_ROW + 2] ?? 0
        if (!FULL.has(errno)) countErrno(this.#options.drops, errno)
      }
      this.#letWait(table, rows, bytes, (errno) => FULL.has(errno))
    }
    this.#recycle(table)
  }

  /** Sends one datagram at once, whatever is queued. */
  send(to: Endpoint, bytes: Uint8Array): void {
    if (this.#isClosed) return
    const errno = this.#waiting.has(to) ? EAGAIN : this.#sendOne(to, bytes)
    if (!FULL.has(errno)) return countErrno(this.#options.drops, errno)
    const wasEmpty = this.#waiting.isEmpty
    this.#waiting.add(to, new Uint8Array(bytes))
    if (wasEmpty) this.#options.onWaiting(this)
  }

  /** Sends what waits, as far as the socket has room. Returns whether something still waits. */
  retry(): boolean {
    if (this.#isClosed) return false
    this.#waiting.flush((to, bytes) => {
      const errno = this.#sendOne(to, bytes)
      if (FULL.has(errno)) return false
      countErrno(this.#options.drops, errno)
      return true
    })
    return !this.#waiting.isEmpty
  }

  /** Returns the errno with which the kernel refused a datagram, or 0. */
  #sendOne(to: Endpoint, bytes: Uint8Array): number {
    const { addon, handle, encoder, drops } = this.#options
    const words = encoder.encode(to)
    if (words === undefined) {
      drops.count('bad-address')
      return 0
    }
    const row = new Uint32Array(UDP_ROW)
    row[1] = bytes.length
    row.set(words, ADDRESS)
    return addon.sendUdp(handle, bytes, row, 1) === 1 ? 0 : (row[2] ?? 0)
  }

  close(): void {
    this.#isClosed = true
    this.#options.addon.close(this.handle)
  }

  #letWait(table: Uint32Array, rows: number, bytes: Uint8Array, waits: (errno: number) => boolean): void {
    const wasEmpty = this.#waiting.isEmpty
    for (let row = 0; row < rows; row++) {
      const [offset = 0, length = 0, errno = 0] = table.subarray(row * UDP_ROW, row * UDP_ROW + 3)
      const to = this.#receivers[row]
      if (to !== undefined && waits(errno))
        this.#waiting.add(to, new Uint8Array(bytes.subarray(offset, offset + length)))
    }
    if (wasEmpty && !this.#waiting.isEmpty) this.#options.onWaiting(this)
  }

  #recycle(table: Uint32Array): void {
    if (tables.length < MAX_TABLES) tables.push(table)
  }
}

/** Tables that no burst uses: a relay has thousands of ports, and few in one burst. */
const tables: Uint32Array[] = []
const MAX_TABLES = 32
