import type { Readable } from 'node:stream'
import { visibleText } from './visible-text.ts'

const MAX_BYTES = 64 * 1024

/** Output of a thread, kept until somebody wants to see it; what is beyond 64 KB is left out. */
export class KeptOutput {
  readonly #chunks: Buffer[] = []
  #bytes = 0

  constructor(...streams: readonly Readable[]) {
    for (const stream of streams) {
      stream.on('data', (chunk: Buffer) => {
        if (this.#bytes >= MAX_BYTES) return
        this.#chunks.push(chunk)
        this.#bytes += chunk.length
      })
      stream.on('error', () => undefined)
    }
  }

  /** Writes what was kept to standard error. */
  show(): void {
    const text = Buffer.concat(this.#chunks).toString('utf8')
    if (text !== '') process.stderr.write(visibleText(text))
  }
}
