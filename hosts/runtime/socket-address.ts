import { formatAddress, parseAddress } from '../../core/net/ip-address.ts'
import { endpoint, splitEndpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'

/**
 * Number of 32-bit words of a socket address in the addon's tables: port, then four words of address; IPv4 uses the
 * first.
 */
export const SOCKET_ADDRESS_WORDS = 5

/** Maximum of endpoints that an `EndpointEncoder` remembers. */
const ENTRIES = 4096

/** Encodes endpoints into words of the addon's tables. Caches results, and empties the cache when it is full. */
export class EndpointEncoder {
  readonly #family: Family
  readonly #known = new Map<Endpoint, Uint32Array | undefined>()

  constructor(family: Family) {
    this.#family = family
  }

  /** Returns the endpoint's `SOCKET_ADDRESS_WORDS` words; undefined if its address is not of this family. */
  encode(text: Endpoint): Uint32Array | undefined {
    let words = this.#known.get(text)
    if (words === undefined && !this.#known.has(text)) {
      words = encodeEndpoint(text, this.#family)
      if (this.#known.size >= ENTRIES) this.#known.clear()
      this.#known.set(text, words)
    }
    return words
  }
}

/**
 * Decodes words of the addon's tables into endpoints. Keeps the last result, as one peer sends many datagrams in a row.
 */
export class EndpointDecoder {
  readonly #family: Family
  readonly #last = new Uint32Array(SOCKET_ADDRESS_WORDS)
  #endpoint: Endpoint | undefined

  constructor(family: Family) {
    this.#family = family
  }

  decode(table: Uint32Array, at: number): Endpoint {
    if (this.#endpoint !== undefined && this.#isLast(table, at)) return this.#endpoint
    this.#last.set(table.subarray(at, at + SOCKET_ADDRESS_WORDS))
    this.#endpoint = decodeEndpoint(this.#last, this.#family)
    return this.#endpoint
  }

  #isLast(table: Uint32Array, at: number): boolean {
    for (let word = 0; word < SOCKET_ADDRESS_WORDS; word++) if (table[at + word] !== this.#last[word]) return false
    return true
  }
}

const encodeEndpoint = (text: Endpoint, family: Family): Uint32Array | undefined => {
  const parts = splitEndpoint(text)
  if (parts === undefined || parts.family !== family) return undefined
  return encodeAddress(parts.address, parts.port)
}

/** Encodes an address and a port as `SOCKET_ADDRESS_WORDS` words; undefined if the text is not an address. */
export const encodeAddress = (address: string, port: number): Uint32Array | undefined => {
  const bytes = parseAddress(address)
  if (bytes === undefined) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words = new Uint32Array(SOCKET_ADDRESS_WORDS)
  words[0] = port
  for (let at = 0; at < bytes.length; at += 4) words[1 + at / 4] = view.getUint32(at)
  return words
}

const decodeEndpoint = (words: Uint32Array, family: Family): Endpoint => {
  const bytes = new Uint8Array(family === 'ipv4' ? 4 : 16)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, words[1 + at / 4] ?? 0)
  return endpoint(formatAddress(bytes), words[0] ?? 0)
}
