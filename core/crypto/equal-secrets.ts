import { timingSafeEqual } from 'node:crypto'
import { sha256, type Hashable } from './hash.ts'

/** Whether two secrets are the same, in a time that tells nothing of where they differ, nor of their lengths. */
export const equalSecrets = (a: Hashable, b: Hashable): boolean => timingSafeEqual(sha256(a), sha256(b))
