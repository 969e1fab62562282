import { randomBytes } from 'node:crypto'
import type { Random } from '../../core/runtime/random.ts'

/** The operating system's cryptographically strong randomness. */
export class SystemRandom implements Random {
  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length))
  }
}
