import { equalSecrets } from '../../../core/crypto/equal-secrets.ts'
import { hmacSha256 } from '../../../core/crypto/hash.ts'
import { toBase64Url } from '../../../core/crypto/text-encoding.ts'

/** What a peer hands back to name a thing of the portal's: its id, signed, so that no other can be named. */
export const signedRef = (purpose: string, id: string, key: Uint8Array): string =>
  `${id}.${toBase64Url(hmacSha256(key, `${purpose}:${id}`))}`

/** The id of a reference, or undefined where the portal did not make it for this purpose. */
export const readRef = (purpose: string, ref: string, key: Uint8Array): string | undefined => {
  const dot = ref.indexOf('.')
  if (dot < 0) return undefined
  const id = ref.slice(0, dot)
  return equalSecrets(ref, signedRef(purpose, id, key)) ? id : undefined
}
