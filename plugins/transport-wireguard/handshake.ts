// Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (WireGuard §5.4):
//
//   <- s
//   ...
//   -> e, es, s, ss, {t}
//   <- e, ee, se, psk, {}
import { X25519PublicKey, type X25519PrivateKey } from 'portreeve/crypto'
import { encodeInitiation, encodeResponse, type Initiation, type Response } from './messages.ts'
import { NoiseState, type NoiseFailure } from './noise-state.ts'

/** Static keys of the other end, known before the handshake. */
export interface RemoteStatic {
  readonly publicKey: X25519PublicKey
  /**
   * Diffie-Hellman result of both static keys, the same for all handshakes; undefined if the peer's key is of low
   * order.
   */
  readonly staticSecret: Uint8Array | undefined
  /** Pre-shared key of 32 bytes; zeros if there is none. */
  readonly presharedKey: Uint8Array
}

/** Keys of a session from one end's point of view. */
export interface SessionSecrets {
  sendKey: Uint8Array
  receiveKey: Uint8Array
}

/** State of an initiator that waits for the response. */
export interface PendingHandshake {
  readonly noise: NoiseState
  readonly ephemeral: X25519PrivateKey
  /** Index of this end that the response refers to, and later the session's messages. */
  readonly sender: number
}

export type InitiationRead<Remote> =
  | {
      type: 'read'
      remote: Remote
      timestamp: Uint8Array
      noise: NoiseState
      ephemeral: X25519PublicKey
      sender: number
    }
  | { type: 'refused'; reason: NoiseFailure | 'unknown-peer' }

export type ResponseRead = { type: 'read'; secrets: SessionSecrets } | { type: 'refused'; reason: NoiseFailure }

/** Writes the first message, without its MACs. Also returns the state to keep until the response. */
export const writeInitiation = (start: {
  local: X25519PrivateKey
  remote: RemoteStatic
  ephemeral: X25519PrivateKey
  timestamp: Uint8Array
  sender: number
}): { datagram: Uint8Array; pending: PendingHandshake } | { refused: NoiseFailure } => {
  const { local, remote, ephemeral: e, timestamp, sender } = start
  // <- s
  const noise = NoiseState.begin(remote.publicKey.bytes)
  // -> e, es, s, ss, {t}
  noise.mixEphemeral(e.publicKey.bytes)
  noise.mixSecret(e.agree(remote.publicKey))
  const sealedStatic = noise.seal(local.publicKey.bytes)
  noise.mixSecret(remote.staticSecret)
  const sealedTimestamp = noise.seal(timestamp)

  if (noise.failure !== undefined) return { refused: noise.failure }
  const datagram = encodeInitiation({ sender, ephemeral: e.publicKey.bytes, sealedStatic, sealedTimestamp })
  return { datagram, pending: { noise, ephemeral: e, sender } }
}

/** Reads the first message. `remoteOf` finds the sender by its static key, which is decrypted from the message. */
export const readInitiation = <Remote extends RemoteStatic>(
  message: Initiation,
  local: X25519PrivateKey,
  remoteOf: (publicKey: Uint8Array) => Remote | undefined,
): InitiationRead<Remote> => {
  const e = new X25519PublicKey(message.ephemeral)
  // <- s
  const noise = NoiseState.begin(local.publicKey.bytes)
  // -> e, es, s, ss, {t}
  noise.mixEphemeral(e.bytes)
  noise.mixSecret(local.agree(e))
  const remoteStatic = noise.open(message.sealedStatic)
  if (noise.failure !== undefined) return { type: 'refused', reason: noise.failure }
  const remote = remoteOf(remoteStatic)
  if (remote === undefined) return { type: 'refused', reason: 'unknown-peer' }
  noise.mixSecret(remote.staticSecret)
  const timestamp = noise.open(message.sealedTimestamp)

  if (noise.failure !== undefined) return { type: 'refused', reason: noise.failure }
  return { type: 'read', remote, timestamp, noise, ephemeral: e, sender: message.sender }
}

/** Writes the second message, without its MACs. Also returns the responder's session keys. */
export const writeResponse = (answer: {
  noise: NoiseState
  remote: RemoteStatic
  remoteEphemeral: X25519PublicKey
  ephemeral: X25519PrivateKey
  sender: number
  receiver: number
}): { datagram: Uint8Array; secrets: SessionSecrets } | { refused: NoiseFailure } => {
  const { noise, remote, remoteEphemeral, ephemeral: e, sender, receiver } = answer
  // <- e, ee, se, psk, {}
  noise.mixEphemeral(e.publicKey.bytes)
  noise.mixSecret(e.agree(remoteEphemeral))
  noise.mixSecret(e.agree(remote.publicKey))
  noise.mixPresharedKey(remote.presharedKey)
  const sealedNothing = noise.seal(new Uint8Array(0))

  if (noise.failure !== undefined) return { refused: noise.failure }
  const { initiatorKey, responderKey } = noise.split()
  return {
    datagram: encodeResponse({ sender, receiver, ephemeral: e.publicKey.bytes, sealedNothing }),
    secrets: { sendKey: responderKey, receiveKey: initiatorKey },
  }
}

/** Reads the second message. A refused message, which may be forged, leaves the pending handshake unchanged. */
export const readResponse = (
  message: Response,
  pending: PendingHandshake,
  { local, remote }: { local: X25519PrivateKey; remote: RemoteStatic },
): ResponseRead => {
  const e = new X25519PublicKey(message.ephemeral)
  const noise = pending.noise.copy()
  // <- e, ee, se, psk, {}
  noise.mixEphemeral(e.bytes)
  noise.mixSecret(pending.ephemeral.agree(e))
  noise.mixSecret(local.agree(e))
  noise.mixPresharedKey(remote.presharedKey)
  noise.open(message.sealedNothing)

  if (noise.failure !== undefined) return { type: 'refused', reason: noise.failure }
  const { initiatorKey, responderKey } = noise.split()
  return { type: 'read', secrets: { sendKey: initiatorKey, receiveKey: responderKey } }
}
