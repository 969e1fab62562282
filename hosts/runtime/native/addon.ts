import { createRequire } from 'node:module'
import { join } from 'node:path'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { packageRoot } from '../process/package-root.ts'

/** An open device or socket of the addon. */
export interface Port {
  readonly __port: unique symbol
}

/** Ports that one thread waits for. */
export interface PortSet {
  readonly __portSet: unique symbol
}

/** Sessions of a native lane: keys, counters, replay windows. Keys are overwritten when it is collected. */
export interface SealingLane {
  readonly __lane: unique symbol
}

/** Words per row of a table of frames to seal: offset, length, index of the session, port and address as in a UDP table. */
export const FRAME_ROW = 8
/** Words per row of what was opened: offset, length, handle of the session + 1 or 0, row of the message and flags. */
export const OPENED_ROW = 4
/** The newest message of its session so far. */
export const OPENED_NEWEST = 0x10000
/** A super-packet, whose transport checksum is the pseudo-header's sum. */
export const OPENED_PSEUDO_CHECKSUM = 0x20000

/** Why a lane dropped something, in the order of the counts. */
export const LANE_DROPS = [
  '',
  'short-frame',
  'unknown-offload',
  'not-ip',
  'bad-checksum-field',
  'bad-headers',
  'bad-segment-size',
  'no-session',
  'expired-session',
  'no-room',
  'malformed',
  'unknown-index',
  'wrong-key',
  'replayed',
  'too-old',
  'not-an-ip-packet',
  'not-sealed',
] as const

/** Words per row of a TUN table: offset, length, and after a write 0 or the errno. */
export const TUN_ROW = 3
/**
 * Words per row of a UDP table: offset, length, detail, port, address in four words (IPv4 in the first). The detail is, received,
 * the size of the segments that the kernel joined; sent, 0 or the errno.
 */
export const UDP_ROW = 8
/** A received message takes this much of the buffer, however short it is. */
export const UDP_SLOT_BYTES = 65_536

/**
 * The addon's functions: see native/port.h. A burst of packets is one buffer and one table of words. Failed system calls throw an
 * error with `code` and `syscall`. They must not be called with a buffer that another thread writes to.
 */
export interface Addon {
  /** Milliseconds that the machine has been up, with what it slept (CLOCK_BOOTTIME). */
  bootTime: () => number
  /** Calls back with 0 whenever the port is readable, with a negative libuv error where it broke. Keeps the process alive. */
  watch: (port: Port, callback: (status: number) => void) => void
  close: (port: Port) => void
  /**
   * In place of `watch`, for a thread that does little else: calls back again and again, and the callback calls `wait` until that is 0. At most
   * eight ports. Keeps the process alive.
   */
  openPortSet: (ports: readonly Port[], callback: () => void) => PortSet
  /**
   * Sleeps until there are packets, which it reads as `readTun` or `receiveUdp` do: 1 + the index of their port, with how many rows in
   * `count[0]`. 0: the callback is to return, so that timers and messages of the event loop get their turn.
   */
  wait: (
    set: PortSet,
    frames: Uint8Array,
    frameTable: Uint32Array,
    messages: Uint8Array,
    messageTable: Uint32Array,
    count: Uint32Array,
  ) => number
  /** The ports stay open. */
  closePortSet: (set: PortSet) => void
  /** A device that is down and without addresses, with all offloads that the kernel has. */
  openTun: (name: string) => Port
  /** TUN_F_… flags: checksum 1, TSO4 2, TSO6 4, USO4 0x20, USO6 0x40. */
  tunOffloads: (port: Port) => number
  readTun: (port: Port, bytes: Uint8Array, table: Uint32Array) => number
  writeTun: (port: Port, bytes: Uint8Array, table: Uint32Array, count: number) => number
  /** The row's port and address are what it is bound to; a mark of 0 is none. */
  openUdp: (family: 4 | 6, row: Uint32Array, mark: number) => Port
  udpPort: (port: Port) => number
  receiveUdp: (port: Port, bytes: Uint8Array, table: Uint32Array) => number
  /** Datagrams of one peer that lie end to end, all but the last of one size, leave as one message. */
  sendUdp: (port: Port, bytes: Uint8Array, table: Uint32Array, count: number) => number
  /**
   * Sends the datagram of the table's first row with the DF bit, or not at all, whatever the kernel has heard of the path's MTU; other datagrams are
   * cut into fragments where they have to be. 1 where the kernel took it, 0 where it is longer than the first link takes.
   */
  sendProbe: (port: Port, bytes: Uint8Array, table: Uint32Array) => number
  /** What seals: 0 nothing here, 1 OpenSSL's EVP, 2 its own primitives. */
  cipher: () => number
  /** For tests: what new keys use. */
  chooseCipher: (kind: number) => number
  createLane: () => SealingLane
  /** `session` holds its index, the other side's, and the handle that its packets get. Keys of 32 bytes are copied. */
  installKeys: (
    lane: SealingLane,
    session: Uint32Array,
    sendKey: Uint8Array,
    receiveKey: Uint8Array,
    expiresAt: number,
  ) => void
  removeKeys: (lane: SealingLane, index: number) => void
  /**
   * Frames as a TUN device gives them become datagrams in `out` and rows for `sendUdp`: how many. A frame of only the offload header
   * becomes a keepalive. `done[0]` is how many frames were taken: fewer than `count` where `out` was full.
   */
  seal: (
    lane: SealingLane,
    frames: Uint8Array,
    table: Uint32Array,
    count: number,
    out: Uint8Array,
    outTable: Uint32Array,
    now: number,
    done: Uint32Array,
  ) => number
  /**
   * Messages as `receiveUdp` gives them become frames for `writeTun` in the same bytes, with consecutive packets of a flow joined:
   * how many. A row of length 0 is a keepalive; one of handle 0 a datagram that is no data message, as it came.
   */
  open: (
    lane: SealingLane,
    bytes: Uint8Array,
    table: Uint32Array,
    count: number,
    opened: Uint32Array,
    now: number,
    joinUdp: number,
    done: Uint32Array,
  ) => number
  laneDrops: (lane: SealingLane, counts: Float64Array) => void
  /** The descriptor of an unconnected socket, which the caller closes. */
  openTcp: (family: 4 | 6, mark: number) => number
  /**
   * The descriptor of a socket that is bound to the row's address and port and hears the one device, which the caller has to listen on, and closes.
   */
  bindTcp: (family: 4 | 6, row: Uint32Array, device: string) => number
  /** Likewise for UDP, without bursts. */
  openDatagram: (family: 4 | 6, mark: number) => number
}

let loaded: Addon | undefined

/** For tests: the file of another build of the addon. */
const OTHER_BUILD = 'PORTREEVE_ADDON'

/**
 * Loads the addon: what a checkout built (build/Release), else what the package carries for this platform (prebuilds/).
 * @throws OperatorError NATIVE_ADDON_MISSING where there is none, or not for this Node
 */
export const loadAddon = (): Addon => {
  if (loaded !== undefined) return loaded
  const folder = join(packageRoot(), 'hosts/runtime/native')
  try {
    const require = createRequire(import.meta.url)
    const nodeGypBuild = require('node-gyp-build') as (folder: string) => Addon
    const other = process.env[OTHER_BUILD]
    loaded = other === undefined ? nodeGypBuild(folder) : (require(other) as Addon)
    return loaded
  } catch (error) {
    const [what = ''] = String(error).split('\n')
    throw new OperatorError(
      'NATIVE_ADDON_MISSING',
      `the native addon does not load: ${what}.`,
      `Run: node ${join(folder, 'build.mjs')}`,
      { cause: error },
    )
  }
}
