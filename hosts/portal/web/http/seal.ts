import { createCipheriv, createDecipheriv } from 'node:crypto'
import { fromBase64Url, toBase64Url, utf8 } from '../../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../../core/runtime/random.ts'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Encrypts texts so that only the portal can read or make them: AES-256-GCM with a key of 32 bytes. */
export class Seal {
  readonly #key: Uint8Array
  readonly #random: Random

  constructor(key: Uint8Array, random: Random) {
    this.#key = key
    this.#random = random
  }

  /** Seals a text. It can be opened under the same name only, so that one use's text is worthless in another. */
  seal(name: string, text: string): string {
    const nonce = this.#random.bytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(utf8(name))
    return toBase64Url(
      new Uint8Array([...nonce, ...cipher.update(utf8(text)), ...cipher.final(), ...cipher.getAuthTag()]),
    )
  }

  /** Opens a sealed text; undefined if this portal has not sealed it under this name. */
  open(name: string, sealed: string): string | undefined {
    const bytes = fromBase64Url(sealed)
    if (bytes === undefined || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(utf8(name))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    const opened = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    try {
      return new TextDecoder().decode(new Uint8Array([...opened, ...decipher.final()]))
    } catch {
      return undefined // wrong authentication tag: not sealed by this portal
    }
  }
}
