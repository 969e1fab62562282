import { equalSecrets } from '../../../core/crypto/equal-secrets.ts'
import { hmacSha256 } from '../../../core/crypto/hash.ts'
import { toBase64Url } from '../../../core/crypto/text-encoding.ts'

/**
 * Signs an id as a reference that a peer later sends back, so that a peer can only name things that the portal told it.
 */
export const signedRef = (purpose: string, id: string, key: Uint8Array): string =>
  `${id}.${toBase64Url(hmacSha256(key, `${purpose}:${id}`))}`

/** Verifies a reference and returns its id; undefined if the portal did not sign it for this purpose. */
export const readRef = (purpose: string, ref: string, key: Uint8Array): string | undefined => {
  const dot = ref.indexOf('.')
  if (dot < 0) return undefined
  const id = ref.slice(0, dot)
  return equalSecrets(ref, signedRef(purpose, id, key)) ? id : undefined
}
