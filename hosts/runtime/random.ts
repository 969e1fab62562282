import { randomBytes } from 'node:crypto'
import type { Random } from '../../core/runtime/random.ts'

/** Cryptographically strong random source of the operating system. */
export class SystemRandom implements Random {
  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length))
  }
}
