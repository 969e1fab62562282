import type { Machine } from '../runtime/machine.ts'
import type { Random } from '../runtime/random.ts'
import type { Instant, UnixTime } from '../runtime/time.ts'

/**
 * How packets travel: seals and opens them. It knows no socket: datagrams come and go tagged with an opaque path, which the host
 * chooses and carries (UDP, TURN, WebSocket).
 */
export interface TunnelTransport {
  /** The format of the keys that it can export, `wireguard-v1`; absent where it seals by itself only. */
  readonly keyFormat?: string
  /** A fresh key pair: raw 32-byte keys. */
  readonly generateKeys: (random: Random) => TunnelKeys
  readonly publicKey: (privateKey: Uint8Array) => Uint8Array
  /** One end of any number of tunnels. */
  readonly createTunnel: (options: TunnelOptions) => Tunnel
}

export interface TunnelKeys {
  privateKey: Uint8Array
  publicKey: Uint8Array
}

export interface TunnelOptions {
  privateKey: Uint8Array
  random: Random
  /** Converts the machine's time to the wall clock (WireGuard's TAI64N). */
  unixAt: (now: Instant) => UnixTime
  /** A lane seals and opens packets: give it the keys (`TunnelKeysOutput`), and never use them here. Only with a `keyFormat`. */
  exportsKeys?: boolean
}

/** An opaque name of a way to a peer, chosen by the host. Equal text is the same way. */
export type Path = string

/** The host's name for a peer: a client's or gateway's id. */
export type PeerId = string

/**
 * A machine. What it promises:
 * - It answers nothing to a sender that has not proven a peer's key (where too many handshakes come at once: that it knows this end's
 *   key), and delivers nothing that was not sealed by that peer for this end, unchanged, once.
 * - Packets that are queued before a session exists are kept, at most 128 a peer, the oldest dropped first, and sent in order once
 *   it does; before any path is known, too.
 * - A lost datagram of a handshake is made up for by sending another, every 5 s or so, for 90 s. Then what is queued is dropped,
 *   and `peerUnresponsive` says so; the next packet begins anew.
 * - Data keys end ten minutes after they were made, at the latest: nothing is sealed or opened with them from then on. Before that they
 *   are renewed while packets are sent. No key is used with the same nonce twice.
 * - A peer that was restarted, or whose keys expired, gets a new session without anybody's help.
 *
 * `wake` carries the protocol's timers. `deadline` may be earlier than needed, never later.
 */
export interface Tunnel extends Machine<TunnelInput, TunnelOutput> {
  /** Reasons, words with dashes (`wrong-key`), and how often something was dropped for them. */
  counters: () => Readonly<Record<string, number>>
  /**
   * How long a datagram is, at the most, that carries a packet of so many bytes. Without it packets stay within 1280 bytes: the host does not know
   * whether larger ones fit into a path.
   */
  datagramBytes?: (packetBytes: number) => number
}

export type TunnelInput =
  /**
   * Keys of 32 bytes. With the keys that the peer has already, its sessions go on; with others it begins anew. A public key
   * belongs to one peer: the last one that was added with it.
   */
  | { type: 'peerAdded'; peer: PeerId; publicKey: Uint8Array; presharedKey?: Uint8Array; path?: Path }
  /**
   * Where to send to from now on; a handshake that waits for an answer is repeated there at once. A path that the newest authentic
   * datagram came from replaces it too (roaming).
   */
  | { type: 'pathChosen'; peer: PeerId; path: Path }
  /** Begin a handshake now rather than with the first packet. */
  | { type: 'connectRequested'; peer: PeerId }
  | { type: 'peerRemoved'; peer: PeerId }
  /** A whole IP packet. */
  | { type: 'packetQueued'; peer: PeerId; packet: Uint8Array }
  | { type: 'datagramReceived'; path: Path; datagram: Uint8Array }
  /** What a lane did with exported keys since it last said so. */
  | ({ type: 'trafficSeen' } & TunnelTraffic)

/** `P` is the host's own type of paths: a transport names only those that it was given. */
export type TunnelOutput<P extends Path = Path> =
  /** Without a peer it answers somebody who has not proven yet who he is, where he is heard. */
  | { type: 'sendDatagram'; peer?: PeerId; path: P; datagram: Uint8Array }
  | { type: 'deliverPacket'; peer: PeerId; path: P; packet: Uint8Array }
  /** A handshake was completed: the first one, or a rekey. */
  | { type: 'sessionEstablished'; peer: PeerId }
  /** Handshakes have not been answered for 90 s (WireGuard §6.1's attempt timer). The peer stays known. */
  | { type: 'peerUnresponsive'; peer: PeerId }
  | TunnelKeysOutput<P>

/** For a lane that seals and opens with exported keys. */
export type TunnelKeysOutput<P extends Path = Path> =
  /** From here on what names `index` can be opened. Said before the other side may use the keys. */
  | { type: 'installKeys'; peer: PeerId; keys: ExportedKeys }
  | { type: 'removeKeys'; peer: PeerId; index: number }
  /** What to seal with and where to send it; without `keys` there is no session, and packets are queued with the transport. */
  | { type: 'useKeys'; peer: PeerId; index: number | undefined; path: P | undefined }
  /** Seal it with the keys in use; a packet of no bytes is a keepalive. */
  | { type: 'sealPacket'; peer: PeerId; packet: Uint8Array }

/** One session of WireGuard's data messages, `wireguard-v1`. Counters begin at 0. */
export interface ExportedKeys {
  /** By which the other side names the session in what it sends us. */
  index: number
  remoteIndex: number
  /** 32 bytes. */
  sendKey: Uint8Array
  /** 32 bytes. */
  receiveKey: Uint8Array
  /** Nothing is sealed or opened from then on. */
  expiresAt: Instant
}

export interface TunnelTraffic<P extends Path = Path> {
  peer: PeerId
  index: number
  /** Messages that were sealed and that were authentic; those without a packet are keepalives. */
  sent: { packets: number; bytes: number }
  received: { packets: number; keepalives: number; bytes: number }
  /** The last one went out, rather than came in. */
  endedSending: boolean
  /** Where the newest authentic message came from. */
  path: P | undefined
}
