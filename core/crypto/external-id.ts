import { sha256 } from './hash.ts'
import { toHex } from './text-encoding.ts'

/** How a peer names itself to the portal: the hash of an id that is a UUID, any other id as it is. */
export const externalId = (id: string): string => (UUID.test(id) ? toHex(sha256(id)) : id)

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
