import { uuid } from '../runtime/random.ts'
import { sha256 } from './hash.ts'

/** Makes the UUID, of the form of version 4, that always belongs to a text. */
export const hashedUuid = (text: string): string => uuid({ bytes: (length) => sha256(text).subarray(0, length) })
