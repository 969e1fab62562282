/** Shortest text that counts as a secret by its look: a challenge, a verifier, a nonce. */
const LEAST_RANDOM = 20

const HIDDEN = '[secret]'

/** JSON Web Tokens (RFC 7519) begin with a JSON object in base64url. */
const TOKENS = /eyJ[\w-]{8,}(?:\.[\w-]*){1,4}/g

/** Secrets of one test sign-in, which are taken out of all that is shown of it. */
export class Withheld {
  readonly #secrets = new Set<string>()

  /** Adds secrets; values that are no text, or shorter than 4 characters, are not looked for. */
  add(values: Iterable<unknown>): void {
    for (const value of values) {
      if (typeof value !== 'string' || value.length < 4) continue
      this.#secrets.add(value)
      this.#secrets.add(encodeURIComponent(value))
    }
  }

  /** Adds those values that look random. Others, such as a typed address, are what a test is to show. */
  addRandom(values: Iterable<unknown>): void {
    this.add([...values].filter((value) => typeof value === 'string' && isRandom(value)))
  }

  /** Returns a text with `[secret]` in place of each secret. */
  from(text: string): string {
    let shown = text
    // The longest first: one may be a part of another.
    for (const secret of [...this.#secrets].toSorted((a, b) => b.length - a.length))
      shown = shown.replaceAll(secret, HIDDEN)
    return shown.replaceAll(TOKENS, HIDDEN)
  }
}

const isRandom = (text: string): boolean => text.length >= LEAST_RANDOM && /^[\w.~+/=-]+$/.test(text)
