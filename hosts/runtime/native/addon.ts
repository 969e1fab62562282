import { createRequire } from 'node:module'
import { join } from 'node:path'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { packageRoot } from '../process/package-root.ts'

/** Open TUN device or UDP socket of the addon. */
export interface Port {
  readonly __port: unique symbol
}

/** Set of ports on which one thread waits at once. */
export interface PortSet {
  readonly __portSet: unique symbol
}

/**
 * WireGuard sessions of a native lane: keys, counters, replay windows. Its keys are overwritten when it is
 * garbage-collected.
 */
export interface SealingLane {
  readonly __lane: unique symbol
}

/**
 * Words per row of a table of frames to encrypt: offset, length, session index, then port and address as in a UDP
 * table, with the number of a relay's channel, or 0, in the upper half of the port's word.
 */
export const FRAME_ROW = 8
/**
 * Words per row of a table of decrypted frames: offset, length, session handle + 1 or 0, row of the message with flags.
 */
export const OPENED_ROW = 4
/** Flag: the message has the highest counter of its session so far. */
export const OPENED_NEWEST = 0x10000
/** Flag: the frame is a super-packet whose transport checksum covers the pseudo-header only. */
export const OPENED_PSEUDO_CHECKSUM = 0x20000

/**
 * Place in the flags of the channel of a relay through which the message came: the lower 12 bits of its number, plus 1;
 * 0 if there is none.
 */
export const OPENED_CHANNEL_SHIFT = 18

/** Names of a lane's drop reasons, in the order of the counts of `laneDrops`. */
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

/** Words per row of a TUN table: offset, length, and, after a write, 0 or the errno. */
export const TUN_ROW = 3
/**
 * Words per row of a UDP table: offset, length, detail, port, address in four words (IPv4 in the first). The detail of
 * a received message is the size of the segments that the kernel joined; after sending it is 0 or the errno.
 */
export const UDP_ROW = 8
/** Bytes of the receive buffer reserved for each message, whatever its length. */
export const UDP_SLOT_BYTES = 65_536

/**
 * Functions of the native addon (native/port.h). A burst of packets is one buffer of bytes and one table of words. A
 * failed system call throws an error with `code` and `syscall`. No other thread may write to the buffers during a call.
 */
export interface Addon {
  /** Returns milliseconds since the machine booted, including suspends (CLOCK_BOOTTIME). */
  bootTime: () => number
  /** Sends one datagram to a Unix socket; a path that begins with `@` is an abstract name. */
  notify: (path: string, text: string) => void
  /**
   * Calls back with 0 whenever the port is readable, and with a negative libuv error if it fails. Keeps the process
   * alive.
   */
  watch: (port: Port, callback: (status: number) => void) => void
  close: (port: Port) => void
  /**
   * Replaces `watch` in a thread that does little else: calls back repeatedly, and the callback calls `wait` until it
   * returns 0. At most eight ports. Keeps the process alive.
   */
  openPortSet: (ports: readonly Port[], callback: () => void) => PortSet
  /**
   * Sleeps until packets arrive and reads a burst, as `readTun` or `receiveUdp` do. Returns 1 + the index of its port,
   * with the number of rows in `count[0]`; or 0 if the callback must return, so that timers and messages of the event
   * loop run.
   */
  wait: (
    set: PortSet,
    frames: Uint8Array,
    frameTable: Uint32Array,
    messages: Uint8Array,
    messageTable: Uint32Array,
    count: Uint32Array,
  ) => number
  /** Ends the waiting; the ports stay open. */
  closePortSet: (set: PortSet) => void
  /** Creates a TUN device, down and without addresses, with all offloads that the kernel supports. */
  openTun: (name: string) => Port
  /** Returns the device's TUN_F_… flags: checksum 1, TSO4 2, TSO6 4, USO4 0x20, USO6 0x40. */
  tunOffloads: (port: Port) => number
  readTun: (port: Port, bytes: Uint8Array, table: Uint32Array) => number
  writeTun: (port: Port, bytes: Uint8Array, table: Uint32Array, count: number) => number
  /** Opens a UDP socket bound to the row's address and port. A mark of 0 means no SO_MARK. */
  openUdp: (family: 4 | 6, row: Uint32Array, mark: number) => Port
  udpPort: (port: Port) => number
  /** Returns the bytes of the smaller of a UDP socket's two buffers, as far as the kernel has given them. */
  udpBuffer: (port: Port) => number
  receiveUdp: (port: Port, bytes: Uint8Array, table: Uint32Array) => number
  /**
   * Sends datagrams and returns how many the kernel took. Consecutive ones to one address, adjacent in the buffer and
   * of one size except the last, are sent as one message (UDP_SEGMENT).
   */
  sendUdp: (port: Port, bytes: Uint8Array, table: Uint32Array, count: number) => number
  /**
   * Sends the first row's datagram with the DF bit, regardless of the path MTU that the kernel has learned. Returns 1
   * if the kernel took it, 0 if it is too long for the first link. (Other datagrams are fragmented if necessary.)
   */
  sendProbe: (port: Port, bytes: Uint8Array, table: Uint32Array) => number
  /** Returns the cipher implementation in use: 0 none, 1 OpenSSL's EVP, 2 OpenSSL's primitives. */
  cipher: () => number
  /** Chooses the cipher implementation for new keys, for tests. Returns the one in use. */
  chooseCipher: (kind: number) => number
  createLane: () => SealingLane
  /** Adds a session; `session` has its index, the peer's index and its handle. The keys, 32 bytes each, are copied. */
  installKeys: (
    lane: SealingLane,
    session: Uint32Array,
    sendKey: Uint8Array,
    receiveKey: Uint8Array,
    expiresAt: number,
  ) => void
  removeKeys: (lane: SealingLane, index: number) => void
  /**
   * Segments and encrypts frames of a TUN device into datagrams in `out`, with rows for `sendUdp`, and returns how
   * many. Where a row names a channel, each datagram has its header (RFC 8656 §12.4) in front. A frame of only the offload header becomes a keepalive. `done[0]` is the number of frames processed, fewer
   * than `count` if `out` was full.
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
   * Decrypts messages of `receiveUdp`, in place, into frames for `writeTun`, with consecutive packets of a flow joined,
   * and returns how many rows. A row of length 0 is a keepalive; a row of handle 0 is a datagram that is not a data
   * message, unchanged. The header of a relay's channel (RFC 8656 §12.4) in front of a data message is taken off.
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
  /** Returns the file descriptor of an unconnected TCP socket, which the caller closes. */
  openTcp: (family: 4 | 6, mark: number) => number
  /**
   * Returns the file descriptor of a TCP socket bound to the row's address and port and to one network device. The
   * caller listens on it and closes it.
   */
  bindTcp: (family: 4 | 6, row: Uint32Array, device: string) => number
  /** Returns the file descriptor of an unconnected UDP socket for single datagrams, which the caller closes. */
  openDatagram: (family: 4 | 6, mark: number) => number
}

let loaded: Addon | undefined

/** Environment variable with the path of another build of the addon, for tests. */
const OTHER_BUILD = 'PORTREEVE_ADDON'

/**
 * Loads the addon once: from build/Release of a checkout, else from the package's prebuilds/ for this platform.
 * @throws OperatorError NATIVE_ADDON_MISSING if there is none, or it does not load into this Node
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
