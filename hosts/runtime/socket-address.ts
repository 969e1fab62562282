import { formatAddress, parseAddress } from '../../core/net/ip-address.ts'
import { endpoint, splitEndpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'

/** Words of a socket address in a table of the addon: the port, then the address in four words, IPv4 in the first. */
export const SOCKET_ADDRESS_WORDS = 5

const ENTRIES = 4096

/** Turns endpoints into table words. Remembers what it was asked, and forgets all of it when that gets too much. */
export class EndpointEncoder {
  readonly #family: Family
  readonly #known = new Map<Endpoint, Uint32Array | undefined>()

  constructor(family: Family) {
    this.#family = family
  }

  /** The five words, or undefined where the endpoint is not an address of this family. */
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

/** Turns table words into endpoints. One peer sends many datagrams in a row, so the last answer is kept. */
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

/** The words of an address in text and a port, undefined if it is none. */
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
