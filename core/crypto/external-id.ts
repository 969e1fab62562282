import { sha256 } from './hash.ts'
import { toHex } from './text-encoding.ts'

/**
 * Returns the id that a peer sends to the portal: the SHA-256 of its own id in hex if that is a UUID, otherwise its own
 * id.
 */
export const externalId = (id: string): string => (UUID.test(id) ? toHex(sha256(id)) : id)

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
