// Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (WireGuard §5.4):
//
//   <- s
//   ...
//   -> e, es, s, ss, {t}
//   <- e, ee, se, psk, {}
import { X25519PublicKey, type X25519PrivateKey } from 'portreeve'
import { encodeInitiation, encodeResponse, type Initiation, type Response } from './messages.ts'
import { NoiseState, type NoiseFailure } from './noise-state.ts'

/** What is known of the other end before the handshake. */
export interface RemoteStatic {
  readonly publicKey: X25519PublicKey
  /** The agreement of both static keys, the same for every handshake; undefined where theirs is of low order. */
  readonly staticSecret: Uint8Array | undefined
  /** 32 bytes, zeros where there is none. */
  readonly presharedKey: Uint8Array
}

/** The keys of a session, as one side uses them. */
export interface SessionSecrets {
  sendKey: Uint8Array
  receiveKey: Uint8Array
}

/** What an initiator remembers until the response comes. */
export interface PendingHandshake {
  readonly noise: NoiseState
  readonly ephemeral: X25519PrivateKey
  /** The index by which the response names this handshake, and later the session. */
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

/** The first message, macs not yet set, and what has to be remembered until it is answered. */
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

/** Reads the first message; who sent it is known once its static key was opened. */
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

/** The second message, macs not yet set, and the session's keys on the responder's side. */
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

/** Reads the second message. One that is refused leaves the pending handshake as it was: it may have been forged. */
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
