// How a client shows that it is the device that it was before: the text that names it can be copied, its key stays where it was made.
import { isSignedBy, type Ed25519PrivateKey } from '../crypto/ed25519.ts'
import { sha256 } from '../crypto/hash.ts'
import { fromBase64Url, toBase64Url, toHex, toUnpaddedBase64, utf8 } from '../crypto/text-encoding.ts'
import { DAY, unixTime, type UnixTime } from '../runtime/time.ts'
import type { Role } from './messages.ts'

/** Header of a connect that carries the proof: `v1.SECONDS.KEY.SIGNATURE`, the last two base64url. */
export const DEVICE_PROOF_HEADER = 'X-Device-Proof'

/** One connect of a peer, which a proof is about and good for. */
export interface ProvenConnect {
  role: Role
  /** The text by which the portal finds the peer's row. */
  externalId: string
  /** The tunnel's public key, base64: whoever copies the proof has no use of a tunnel with it. */
  publicKey: string
  /** In plain text; the proof holds its hash, and so is for the one account and actor that the token is for. */
  token: string
}

/** A device's signature as a connect carried it, not yet checked. */
export interface DeviceProof {
  at: UnixTime
  /** The device's public key, 32 bytes. */
  key: Uint8Array
  /** 64 bytes. */
  signature: Uint8Array
}

/** A proof's life: long enough for clocks that are set wrong, and not for ever for one that a proxy's log gave away. */
export const PROOF_LIFETIME_MS = DAY

/** Signs one connect with the device's key. The text is the header's value. */
export const deviceProof = (key: Ed25519PrivateKey, connect: ProvenConnect, now: UnixTime): string => {
  const seconds = Math.floor(now / 1000)
  const signature = key.sign(signedText(connect, seconds))
  return `v1.${seconds}.${toBase64Url(key.publicKey)}.${toBase64Url(signature)}`
}

/** Reads a header's value; undefined for whatever is no proof. */
export const readDeviceProof = (text: string): DeviceProof | undefined => {
  const [, seconds = '', encodedKey = '', encodedSignature = ''] = PROOF.exec(text) ?? []
  const key = fromBase64Url(encodedKey)
  const signature = fromBase64Url(encodedSignature)
  if (key?.length !== 32 || signature?.length !== 64) return undefined
  return { at: unixTime(Number(seconds) * 1000), key, signature }
}

const PROOF = /^v1\.(\d{1,12})\.([\w-]{43})\.([\w-]{86})$/

/** Whether a proof is of this connect, and of a day around `now`. */
export const isProofOf = ({ at, key, signature }: DeviceProof, connect: ProvenConnect, now: UnixTime): boolean =>
  Math.abs(now - at) <= PROOF_LIFETIME_MS && isSignedBy(key, { message: signedText(connect, at / 1000), signature })

/** How people compare device keys: `SHA256:` and the unpadded base64 of the hash, as ssh shows keys. */
export const deviceKeyFingerprint = (publicKey: Uint8Array): string => `SHA256:${toUnpaddedBase64(sha256(publicKey))}`

/** A list as JSON has one reading only; its first item keeps the signature from being taken for one of anything else. */
const signedText = ({ role, externalId, publicKey, token }: ProvenConnect, seconds: number): Uint8Array =>
  utf8(JSON.stringify(['portreeve device proof v1', role, externalId, publicKey, toHex(sha256(token)), seconds]))
