import { OFFLOAD_HEADER_BYTES, expandFrame } from '../../core/net/offload.ts'
import { Counters } from '../../core/runtime/counters.ts'
import type { TunDevice, TunDeviceOptions, TunDevices } from '../../core/runtime/tun-device.ts'
import { countErrno } from './count-errno.ts'
import { TUN_ROW, loadAddon, type Addon, type Port } from './native/addon.ts'
import { runCommand } from './process/run-command.ts'

/** Maximum of frames per read call, each of up to 64 KB. */
const READ_ROWS = 64
const READ_BYTES = 1 << 20
const WRITE_ROWS = 256
const WRITE_BYTES = 1 << 20
const MAX_PACKET_BYTES = 65_535
/**
 * Size of the buffer for the packets segmented from one read: the bytes read, and a quarter more for repeated headers.
 */
const ARENA_BYTES = READ_BYTES + (READ_BYTES >> 2)
const QUEUE_PACKETS = 10_000

/**
 * Linux TUN devices with segmentation offload: the kernel passes up to 64 KB of a flow in one frame, which is segmented
 * into packets here. A device is removed when the process ends.
 */
export class LinuxTunDevices implements TunDevices {
  /** Opens a device. Rejects with a system error code: EPERM without CAP_NET_ADMIN, EBUSY if the name is taken. */
  async open(options: TunDeviceOptions): Promise<TunDevice> {
    const addon = loadAddon()
    return new LinuxTunDevice(addon, await openTunPort(addon, options), options)
  }
}

/** Opens a TUN device and sets its MTU, without watching it for packets. Rejects as `LinuxTunDevices.open`. */
export const openTunPort = async (addon: Addon, { name, mtu }: { name: string; mtu: number }): Promise<Port> => {
  const port = addon.openTun(name)
  try {
    const queue = ['txqueuelen', String(QUEUE_PACKETS)]
    await runCommand('ip', ['link', 'set', 'dev', name, 'mtu', String(mtu), ...queue])
  } catch (error) {
    addon.close(port)
    throw error
  }
  return port
}

class LinuxTunDevice implements TunDevice {
  readonly name: string
  readonly #addon: Addon
  readonly #port: Port
  readonly #options: TunDeviceOptions
  readonly #drops = new Counters()
  readonly #read = new Uint8Array(READ_BYTES)
  readonly #readRows = new Uint32Array(READ_ROWS * TUN_ROW)
  readonly #written = new Uint8Array(WRITE_BYTES)
  readonly #writtenRows = new Uint32Array(WRITE_ROWS * TUN_ROW)
  readonly #arena = new Uint8Array(ARENA_BYTES)
  #arenaUsed = 0
  #closed = false

  constructor(addon: Addon, port: Port, options: TunDeviceOptions) {
    this.#addon = addon
    this.#port = port
    this.#options = options
    this.name = options.name
    addon.watch(port, (status) => {
      this.#onReadable(status)
    })
  }

  write(packets: readonly Uint8Array[]): void {
    if (this.#closed) return
    let rows = 0
    let bytes = 0
    for (const packet of packets) {
      if (packet.length > MAX_PACKET_BYTES) {
        this.#drops.count('EMSGSIZE')
        continue
      }
      const length = OFFLOAD_HEADER_BYTES + packet.length
      if (rows === WRITE_ROWS || bytes + length > WRITE_BYTES) {
        this.#flush(rows)
        rows = 0
        bytes = 0
      }
      this.#writtenRows[rows * TUN_ROW] = bytes
      this.#writtenRows[rows * TUN_ROW + 1] = length
      this.#written.fill(0, bytes, bytes + OFFLOAD_HEADER_BYTES) // no offload asked of the kernel
      this.#written.set(packet, bytes + OFFLOAD_HEADER_BYTES)
      bytes += length
      rows++
    }
    this.#flush(rows)
  }

  dropped(): Readonly<Record<string, number>> {
    return this.#drops.snapshot()
  }

  // oxlint-disable-next-line typescript/require-await -- the port's signature
  async close(): Promise<void> {
    this.#closed = true
    this.#addon.close(this.#port)
  }

  #flush(rows: number): void {
    if (rows === 0 || this.#addon.writeTun(this.#port, this.#written, this.#writtenRows, rows) === rows) return
    for (let row = 0; row < rows; row++) countErrno(this.#drops, this.#writtenRows[row * TUN_ROW + 2] ?? 0)
  }

  #onReadable(status: number): void {
    if (this.#closed) return
    let rows = 0
    try {
      if (status < 0) throw Object.assign(new Error(`${this.name} is gone`), { code: 'ENODEV' })
      rows = this.#addon.readTun(this.#port, this.#read, this.#readRows)
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.#arenaUsed = 0
    const packets: Uint8Array[] = []
    for (let row = 0; row < rows; row++) {
      const offset = this.#readRows[row * TUN_ROW] ?? 0
      const frame = this.#read.subarray(offset, offset + (this.#readRows[row * TUN_ROW + 1] ?? 0))
      const dropped = expandFrame(frame, packets, this.#take)
      if (dropped !== undefined) this.#drops.count(dropped)
    }
    if (packets.length > 0) this.#options.onBatch(packets)
  }

  readonly #take = (bytes: number): Uint8Array => {
    if (this.#arenaUsed + bytes > ARENA_BYTES) return new Uint8Array(bytes)
    const taken = this.#arena.subarray(this.#arenaUsed, this.#arenaUsed + bytes)
    this.#arenaUsed += bytes
    return taken
  }
}
