import { tai64n } from '../../../core/crypto/tai64n.ts'
import { X25519PrivateKey, X25519PublicKey } from '../../../core/crypto/x25519.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { macKeysOf } from '../../../plugins/transport-wireguard/identity.ts'
import { writeMacs } from '../../../plugins/transport-wireguard/macs.ts'
import { encodeInitiation } from '../../../plugins/transport-wireguard/messages.ts'
import { NoiseState } from '../../../plugins/transport-wireguard/noise-state.ts'

/**
 * Builds a handshake's first message (WireGuard §5.4.2) that claims one public key and is made with a private key,
 * which may belong to another. With a matching pair it is honest.
 */
export const forgedInitiation = (forgery: {
  receiver: Uint8Array
  claimed: Uint8Array
  privateKey: Uint8Array
  ephemeral: Uint8Array
  sender: number
}): Uint8Array => {
  const receiver = new X25519PublicKey(forgery.receiver)
  const e = new X25519PrivateKey(forgery.ephemeral)
  // -> e, es, s, ss, {t}
  const noise = NoiseState.begin(receiver.bytes)
  noise.mixEphemeral(e.publicKey.bytes)
  noise.mixSecret(e.agree(receiver))
  const sealedStatic = noise.seal(forgery.claimed)
  noise.mixSecret(new X25519PrivateKey(forgery.privateKey).agree(receiver))
  const sealedTimestamp = noise.seal(tai64n(unixTime(Date.now())))
  const { sender } = forgery
  const datagram = encodeInitiation({ sender, ephemeral: e.publicKey.bytes, sealedStatic, sealedTimestamp })
  writeMacs(datagram, macKeysOf(receiver).mac1Key, undefined)
  return datagram
}
