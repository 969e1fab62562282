// Proof that a client is still the same device. Its external id could be copied to another machine; its private key
// never leaves it.
import { isSignedBy, type Ed25519PrivateKey } from '../crypto/ed25519.ts'
import { sha256 } from '../crypto/hash.ts'
import { fromBase64Url, toBase64Url, toHex, toUnpaddedBase64, utf8 } from '../crypto/text-encoding.ts'
import { DAY, unixTime, type UnixTime } from '../runtime/time.ts'
import type { Role } from './messages.ts'

/** HTTP header for the proof in a connect request: `v1.SECONDS.KEY.SIGNATURE`, the last two in base64url. */
export const DEVICE_PROOF_HEADER = 'X-Device-Proof'

/** The connect request that a proof is made for; the proof is invalid for any other. */
export interface ProvenConnect {
  role: Role
  /** Text by which the portal finds the peer's row. */
  externalId: string
  /** Tunnel's public key in base64. It is signed, so that a copied proof cannot be used with another tunnel key. */
  publicKey: string
  /** Token in plain text. Its hash is signed, so that the proof is valid for the token's account and actor only. */
  token: string
}

/** A device's signature as read from a connect request, not verified yet. */
export interface DeviceProof {
  at: UnixTime
  /** Device's public key, 32 bytes. */
  key: Uint8Array
  /** Ed25519 signature, 64 bytes. */
  signature: Uint8Array
}

/**
 * Validity of a proof: long enough for clocks that are set wrong, short enough for a proof that leaked into a proxy's
 * log.
 */
export const PROOF_LIFETIME_MS = DAY

/** Signs one connect request with the device's key. Returns the value of the header. */
export const deviceProof = (key: Ed25519PrivateKey, connect: ProvenConnect, now: UnixTime): string => {
  const seconds = Math.floor(now / 1000)
  const signature = key.sign(signedText(connect, seconds))
  return `v1.${seconds}.${toBase64Url(key.publicKey)}.${toBase64Url(signature)}`
}

/** Reads the header's value; undefined if it is malformed. */
export const readDeviceProof = (text: string): DeviceProof | undefined => {
  const [, seconds = '', encodedKey = '', encodedSignature = ''] = PROOF.exec(text) ?? []
  const key = fromBase64Url(encodedKey)
  const signature = fromBase64Url(encodedSignature)
  if (key?.length !== 32 || signature?.length !== 64) return undefined
  return { at: unixTime(Number(seconds) * 1000), key, signature }
}

const PROOF = /^v1\.(\d{1,12})\.([\w-]{43})\.([\w-]{86})$/

/** Whether a proof is signed for this connect request, within a day of `now`. */
export const isProofOf = ({ at, key, signature }: DeviceProof, connect: ProvenConnect, now: UnixTime): boolean =>
  Math.abs(now - at) <= PROOF_LIFETIME_MS && isSignedBy(key, { message: signedText(connect, at / 1000), signature })

/** Formats a device key for people to compare: `SHA256:` and its hash in unpadded base64, as in ssh. */
export const deviceKeyFingerprint = (publicKey: Uint8Array): string => `SHA256:${toUnpaddedBase64(sha256(publicKey))}`

/**
 * Returns the bytes that the device signs. JSON makes them unambiguous; the first item keeps the signature from being
 * valid for any other purpose.
 */
const signedText = ({ role, externalId, publicKey, token }: ProvenConnect, seconds: number): Uint8Array =>
  utf8(JSON.stringify(['portreeve device proof v1', role, externalId, publicKey, toHex(sha256(token)), seconds]))
