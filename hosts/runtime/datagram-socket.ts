import { OperatorError } from '../../core/config/operator-error.ts'
import { Counters } from '../../core/runtime/counters.ts'
import type {
  Datagram,
  DatagramSocket,
  DatagramSocketOptions,
  DatagramSockets,
  ReceivedDatagram,
} from '../../core/runtime/datagram-socket.ts'
import type { Family } from '../../core/runtime/endpoint.ts'
import { countErrno } from './count-errno.ts'
import { UDP_ROW, UDP_SLOT_BYTES, loadAddon, type Addon, type Port } from './native/addon.ts'
import { EndpointDecoder, EndpointEncoder, SOCKET_ADDRESS_WORDS, encodeAddress } from './socket-address.ts'

/** Maximum of messages per receive call, each of up to 64 datagrams. */
const RECEIVE_ROWS = 16
const SEND_ROWS = 512
const SEND_BYTES = 1 << 20
const MAX_DATAGRAM_BYTES = 65_507

/**
 * UDP sockets of the native addon: one system call moves many datagrams, with UDP_SEGMENT and UDP_GRO if the kernel has
 * them.
 */
export class NativeDatagramSockets implements DatagramSockets {
  // oxlint-disable-next-line typescript/require-await -- what fails rejects
  async open(options: DatagramSocketOptions): Promise<DatagramSocket> {
    const addon = loadAddon()
    return new NativeDatagramSocket(addon, openUdpPort(addon, options), options)
  }
}

/** Opens and binds a UDP socket without watching it for datagrams. @throws a system error if it cannot be bound */
export const openUdpPort = (
  addon: Addon,
  options: Pick<DatagramSocketOptions, 'address' | 'family' | 'port' | 'orAnyPort' | 'mark'>,
): Port => {
  const address = options.address ?? (options.family === 'ipv4' ? '0.0.0.0' : '::')
  if (address.includes(':') !== (options.family === 'ipv6')) throw notAnAddress(address)
  const bind = (port: number): Port => {
    const words = encodeAddress(address, port)
    if (words === undefined) throw notAnAddress(address)
    const row = new Uint32Array(UDP_ROW)
    row.set(words, UDP_ROW - SOCKET_ADDRESS_WORDS)
    return addon.openUdp(options.family === 'ipv4' ? 4 : 6, row, options.mark ?? 0)
  }
  let port: Port
  try {
    port = bind(options.port)
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    if (!taken || options.orAnyPort !== true || options.port === 0) throw error
    port = bind(0)
  }
  return port
}

/** Socket for `sendOne`, with the encoder of its address family. */
export interface SendingPort {
  addon: Addon
  port: Port
  encoder: EndpointEncoder
}

/** Sends one datagram at once. A datagram that cannot be sent is dropped and counted in `drops`. */
export const sendOne = ({ addon, port, encoder }: SendingPort, datagram: Datagram, drops: Counters): void => {
  const { to, bytes, isProbe } = datagram
  const words = encoder.encode(to)
  if (words === undefined) return drops.count('bad-address')
  const row = new Uint32Array(UDP_ROW)
  row[1] = bytes.length
  row.set(words, UDP_ROW - SOCKET_ADDRESS_WORDS)
  if (isProbe === true) addon.sendProbe(port, bytes, row)
  else if (addon.sendUdp(port, bytes, row, 1) !== 1) countErrno(drops, row[2] ?? 0)
}

const notAnAddress = (address: string): OperatorError =>
  new OperatorError('SOCKET_ADDRESS', `cannot bind to ${address}: it is not an address of the socket's family.`)

class NativeDatagramSocket implements DatagramSocket {
  readonly family: Family
  readonly port: number
  readonly #addon: Addon
  readonly #handle: Port
  readonly #options: DatagramSocketOptions
  readonly #drops = new Counters()
  readonly #encoder: EndpointEncoder
  readonly #decoder: EndpointDecoder
  readonly #received = new Uint8Array(RECEIVE_ROWS * UDP_SLOT_BYTES)
  readonly #receivedRows = new Uint32Array(RECEIVE_ROWS * UDP_ROW)
  readonly #sent = new Uint8Array(SEND_BYTES)
  readonly #sentRows = new Uint32Array(SEND_ROWS * UDP_ROW)
  #rows = 0
  #bytes = 0
  #closed = false

  constructor(addon: Addon, handle: Port, options: DatagramSocketOptions) {
    this.#addon = addon
    this.#handle = handle
    this.#options = options
    this.family = options.family
    this.#encoder = new EndpointEncoder(options.family)
    this.#decoder = new EndpointDecoder(options.family)
    this.port = addon.udpPort(handle)
    addon.watch(handle, (status) => {
      this.#onReadable(status)
    })
  }

  send(batch: readonly Datagram[]): void {
    if (this.#closed) return
    let last: Datagram['to'] | undefined
    let words: Uint32Array | undefined
    for (const { to, bytes, isProbe } of batch) {
      // A burst has one receiver, mostly.
      if (to !== last) words = this.#encoder.encode(to)
      last = to
      if (words === undefined || bytes.length > MAX_DATAGRAM_BYTES) {
        this.#drops.count(words === undefined ? 'bad-address' : 'EMSGSIZE')
        continue
      }
      if (isProbe === true || this.#rows === SEND_ROWS || this.#bytes + bytes.length > SEND_BYTES) this.#flush()
      const at = this.#rows++ * UDP_ROW
      this.#sent.set(bytes, this.#bytes)
      this.#sentRows[at] = this.#bytes
      this.#sentRows[at + 1] = bytes.length
      this.#sentRows.set(words, at + UDP_ROW - SOCKET_ADDRESS_WORDS)
      this.#bytes += bytes.length
      if (isProbe === true) this.#flushProbe()
    }
    this.#flush()
  }

  dropped(): Readonly<Record<string, number>> {
    return this.#drops.snapshot()
  }

  // oxlint-disable-next-line typescript/require-await -- the port's signature
  async close(): Promise<void> {
    this.#closed = true
    this.#addon.close(this.#handle)
  }

  #flush(): void {
    const rows = this.#rows
    if (rows === 0) return
    this.#rows = 0
    this.#bytes = 0
    if (this.#addon.sendUdp(this.#handle, this.#sent, this.#sentRows, rows) === rows) return
    for (let row = 0; row < rows; row++) countErrno(this.#drops, this.#sentRows[row * UDP_ROW + 2] ?? 0)
  }

  /**
   * Sends the one queued datagram as a path MTU probe. An error is not counted: a probe too long for the first link
   * tells the MTU as well.
   */
  #flushProbe(): void {
    this.#rows = this.#bytes = 0
    this.#addon.sendProbe(this.#handle, this.#sent, this.#sentRows)
  }

  #onReadable(status: number): void {
    if (this.#closed) return
    let rows = 0
    try {
      if (status < 0) throw Object.assign(new Error(`the socket broke: ${status}`), { code: 'EBADF' })
      rows = this.#addon.receiveUdp(this.#handle, this.#received, this.#receivedRows)
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)))
      return
    }
    const batch: ReceivedDatagram[] = []
    for (let row = 0; row < rows; row++) {
      const at = row * UDP_ROW
      const offset = this.#receivedRows[at] ?? 0
      const end = offset + (this.#receivedRows[at + 1] ?? 0)
      const segment = Math.max(1, this.#receivedRows[at + 2] ?? 0)
      const sender = this.#decoder.decode(this.#receivedRows, at + UDP_ROW - SOCKET_ADDRESS_WORDS)
      for (let from = offset; from < end; from += segment) {
        batch.push({ from: sender, bytes: this.#received.subarray(from, Math.min(from + segment, end)) })
      }
    }
    if (batch.length > 0) this.#options.onBatch(batch)
  }
}
