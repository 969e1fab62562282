import type { Machine } from '../runtime/machine.ts'
import type { Random } from '../runtime/random.ts'
import type { Instant, UnixTime } from '../runtime/time.ts'

/**
 * Encrypts packets between client and gateway, and decrypts them. A transport opens no socket: it takes and returns
 * datagrams, each with an opaque path, and the host carries them there (UDP, TURN, WebSocket).
 */
export interface TunnelTransport {
  /** Format of the session keys that tunnels can export: `wireguard-v1`; absent if they export none. */
  readonly keyFormat?: string
  /** Generates a key pair: raw keys of 32 bytes. */
  readonly generateKeys: (random: Random) => TunnelKeys
  /** Derives the public key of a private key. */
  readonly publicKey: (privateKey: Uint8Array) => Uint8Array
  /**
   * Creates this end of the tunnels to any number of peers. At its start a host creates a few more, connects pairs of
   * them in memory and throws them away, so that the code of the first real connection has run before: state that is
   * shared between tunnels, and metrics, see them too.
   */
  readonly createTunnel: (options: TunnelOptions) => Tunnel
}

/** Key pair of one end: raw keys of 32 bytes. */
export interface TunnelKeys {
  privateKey: Uint8Array
  publicKey: Uint8Array
}

/** Key and ports that a tunnel is created with. */
export interface TunnelOptions {
  /** Private key of this end: 32 bytes. */
  privateKey: Uint8Array
  random: Random
  /** Converts the machine's time to the wall clock (WireGuard's TAI64N). */
  unixAt: (now: Instant) => UnixTime
  /**
   * Whether the host's packet lane encrypts and decrypts: the tunnel then exports its session keys (`TunnelKeysOutput`)
   * and never uses them itself. Set only if the transport has a `keyFormat`.
   */
  exportsKeys?: boolean
}

/** Opaque name of a network path to a peer, chosen by the host. Compare it as text. */
export type Path = string

/** Name of a peer, chosen by the host: id of a client or gateway. */
export type PeerId = string

/**
 * This end of the tunnels to all peers, as a machine. An implementation promises:
 * - It never answers a sender that has not proven a peer's key. Exception: under load it may answer a sender that knows
 *   our public key.
 * - It delivers only packets that the peer sealed for this end, unchanged, and each only once.
 * - It queues packets while there is no session or no path: up to 128 per peer, the oldest dropped first. It sends them
 *   in order once there are both.
 * - It repeats an unanswered handshake about every 5 s for 90 s. Then it drops the queue and says `peerUnresponsive`;
 *   the next packet starts a new handshake.
 * - It uses data keys for ten minutes at most, and then seals and opens nothing with them. It renews them before that
 *   while packets are sent. It never uses a key with the same nonce twice.
 * - It makes a new session by itself after the peer has restarted or the keys have expired.
 *
 * `wake` runs the protocol's timers. `deadline` may be earlier than needed, never later.
 */
export interface Tunnel extends Machine<TunnelInput, TunnelOutput> {
  /** Returns the number of drops by reason. A reason is lower-case words with dashes: `wrong-key`. */
  counters: () => Readonly<Record<string, number>>
  /**
   * Returns the maximum length in bytes of a datagram that carries a packet of `packetBytes`. Without this method the
   * host sends packets of at most 1280 bytes, as it cannot tell whether larger ones fit into a path.
   */
  datagramBytes?: (packetBytes: number) => number
}

/** Event that the host tells a tunnel. */
export type TunnelInput =
  /**
   * The host knows a peer, by keys of 32 bytes. If the peer was added with the same keys before, its sessions go on;
   * with other keys they end. A public key belongs to one peer: the one that was added with it last.
   */
  | { type: 'peerAdded'; peer: PeerId; publicKey: Uint8Array; presharedKey?: Uint8Array; path?: Path }
  /**
   * The path to the peer from now on. An unanswered handshake is repeated there at once. The tunnel also changes to
   * another path itself if the newest authentic datagram came from there (roaming).
   */
  | { type: 'pathChosen'; peer: PeerId; path: Path }
  /**
   * Start a handshake at once, instead of with the first packet. `renews`: also if there is a session, which is used until
   * then; the peer was not reached for a while.
   */
  | { type: 'connectRequested'; peer: PeerId; renews?: boolean }
  | { type: 'peerRemoved'; peer: PeerId }
  /** A whole IP packet to send to the peer. */
  | { type: 'packetQueued'; peer: PeerId; packet: Uint8Array }
  | { type: 'datagramReceived'; path: Path; datagram: Uint8Array }
  /** A lane's counts of the messages that it handled with exported keys since its last report. */
  | ({ type: 'trafficSeen' } & TunnelTraffic)

/** Effect or news of a tunnel. `P` is the host's type of paths; a tunnel uses only paths that the host has given it. */
export type TunnelOutput<P extends Path = Path> =
  /** Send this datagram. `peer` is absent in an answer to an unauthenticated sender, on the path that it used. */
  | { type: 'sendDatagram'; peer?: PeerId; path: P; datagram: Uint8Array }
  /** Deliver this packet, which the peer has sealed; `path` is where it came from. */
  | { type: 'deliverPacket'; peer: PeerId; path: P; packet: Uint8Array }
  /** A handshake was completed: the first one, or a rekey. */
  | { type: 'sessionEstablished'; peer: PeerId }
  /** The peer has answered no handshake for 90 s (WireGuard §6.1, attempt timer). It stays known. */
  | { type: 'peerUnresponsive'; peer: PeerId }
  | TunnelKeysOutput<P>

/** Effects for a lane that encrypts and decrypts with exported keys. */
export type TunnelKeysOutput<P extends Path = Path> =
  /** Open messages to the receiver index `keys.index` with these keys. Sent before the other side may use them. */
  | { type: 'installKeys'; peer: PeerId; keys: ExportedKeys }
  /** Forget the keys of this receiver index. */
  | { type: 'removeKeys'; peer: PeerId; index: number }
  /**
   * Seal with the installed keys of `index`, and send to `path`. While either is undefined, hand packets to the tunnel,
   * which queues them. A lane that has no keys in use for the peer uses those of a session from its first authentic message
   * on, which confirms it (WireGuard §5.4.6), without waiting for this.
   */
  | { type: 'useKeys'; peer: PeerId; index: number | undefined; path: P | undefined }
  /** Seal this packet with the keys in use and send it. A packet of 0 bytes is a keepalive. */
  | { type: 'sealPacket'; peer: PeerId; packet: Uint8Array }

/** Keys of one session for WireGuard's data messages (`wireguard-v1`). Message counters begin at 0. */
export interface ExportedKeys {
  /** Receiver index in messages to this end (WireGuard §5.4.6). */
  index: number
  /** Receiver index in messages to the other side. */
  remoteIndex: number
  /** 32 bytes. */
  sendKey: Uint8Array
  /** 32 bytes. */
  receiveKey: Uint8Array
  /** Time from which the keys must not be used. */
  expiresAt: Instant
}

/** Counts of the messages that a lane handled with the keys of one session. */
export interface TunnelTraffic<P extends Path = Path> {
  peer: PeerId
  /** Receiver index of the session at this end. */
  index: number
  /** Messages sealed. */
  sent: { packets: number; bytes: number }
  /** Authentic messages opened; a keepalive is a message without a packet. */
  received: { packets: number; keepalives: number; bytes: number }
  /** Whether the last of the messages was sent, not received. */
  endedSending: boolean
  /** Path that the newest authentic message came from; undefined if none came. */
  path: P | undefined
}
