import { timingSafeEqual } from 'node:crypto'
import { sha256, type Hashable } from './hash.ts'

/** Whether two secrets are equal; the time it takes tells neither where they differ nor how long they are. */
export const equalSecrets = (a: Hashable, b: Hashable): boolean => timingSafeEqual(sha256(a), sha256(b))
