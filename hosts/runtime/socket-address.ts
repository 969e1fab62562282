import { formatAddress, parseAddress } from '../../core/net/ip-address.ts'
import { endpoint, splitEndpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'

/**
 * Number of 32-bit words of a socket address in the addon's tables: port, then four words of address; IPv4 uses the
 * first.
 */
export const SOCKET_ADDRESS_WORDS = 5

/** Number of endpoints that an `EndpointEncoder` remembers by default. */
const ENTRIES = 4096

/** Encodes endpoints into words of the addon's tables. Caches results, and empties the cache when it is full. */
export class EndpointEncoder {
  readonly #family: Family
  readonly #entries: number
  readonly #known = new Map<Endpoint, Uint32Array | undefined>()

  /** @param entries maximum of endpoints that are remembered */
  constructor(family: Family, entries: number = ENTRIES) {
    this.#family = family
    this.#entries = entries
  }

  /** Returns the endpoint's `SOCKET_ADDRESS_WORDS` words; undefined if its address is not of this family. */
  encode(text: Endpoint): Uint32Array | undefined {
    let words = this.#known.get(text)
    if (words === undefined && !this.#known.has(text)) {
      words = encodeEndpoint(text, this.#family)
      if (this.#known.size >= this.#entries) this.#known.clear()
      this.#known.set(text, words)
    }
    return words
  }
}

/**
 * Decodes words of the addon's tables into endpoints. Remembers results, one for each place of a table, as peers send
 * many datagrams each; equal endpoints that are remembered are one text, which maps find quickly.
 */
export class EndpointDecoder {
  readonly #family: Family
  readonly #words: Uint32Array
  readonly #endpoints: (Endpoint | undefined)[]

  /** @param entries number of places, a power of two; one is enough for a socket with few peers */
  constructor(family: Family, entries = 1) {
    this.#family = family
    this.#words = new Uint32Array(entries * SOCKET_ADDRESS_WORDS)
    this.#endpoints = Array.from({ length: entries })
  }

  decode(table: Uint32Array, at: number): Endpoint {
    const place = this.#placeOf(table, at)
    const start = place * SOCKET_ADDRESS_WORDS
    const known = this.#endpoints[place]
    if (known !== undefined && this.#isAt(start, table, at)) return known
    const words = table.slice(at, at + SOCKET_ADDRESS_WORDS)
    this.#words.set(words, start)
    return (this.#endpoints[place] = decodeEndpoint(words, this.#family))
  }

  /** Returns the place for words: their hash, as strangers choose addresses but only slow themselves down. */
  #placeOf(table: Uint32Array, at: number): number {
    let hash = 0
    for (let word = 0; word < SOCKET_ADDRESS_WORDS; word++) hash = Math.imul(hash ^ (table[at + word] ?? 0), 0x9e3779b1)
    return (hash ^ (hash >>> 15)) & (this.#endpoints.length - 1)
  }

  #isAt(start: number, table: Uint32Array, at: number): boolean {
    for (let word = 0; word < SOCKET_ADDRESS_WORDS; word++) {
      if (table[at + word] !== this.#words[start + word]) return false
    }
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
