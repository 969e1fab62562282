import type { AddressBytes } from './ip-address.ts'
import { bitAt, type Prefix } from './prefix.ts'

interface Node<T> {
  zero: Node<T> | undefined
  one: Node<T> | undefined
  values: T[]
}

/** Values by prefix, in both families: a binary trie, so that a look-up costs as many steps as the longest match has bits. */
export class PrefixTrie<T> {
  #ipv4: Node<T> = emptyNode()
  #ipv6: Node<T> = emptyNode()

  /** Several values may share a prefix. */
  add({ address, length }: Prefix, value: T): void {
    let node = this.#root(address.length)
    for (let bit = 0; bit < length; bit++) {
      const next: Node<T> = (bitAt(address, 0, bit) === 0 ? node.zero : node.one) ?? emptyNode()
      if (bitAt(address, 0, bit) === 0) node.zero = next
      else node.one = next
      node = next
    }
    node.values.push(value)
  }

  clear(): void {
    this.#ipv4 = emptyNode()
    this.#ipv6 = emptyNode()
  }

  /** The values of all prefixes that hold the address at `offset`, the longest prefix first; of one prefix, in order of adding. */
  matches(bytes: Uint8Array, offset: number, addressLength: number): T[] {
    const found: T[][] = []
    let node: Node<T> | undefined = this.#root(addressLength)
    for (let bit = 0; node !== undefined; bit++) {
      if (node.values.length > 0) found.push(node.values)
      if (bit === addressLength * 8) break
      node = bitAt(bytes, offset, bit) === 0 ? node.zero : node.one
    }
    return found.toReversed().flat()
  }

  /** The value of the longest prefix that holds the address. */
  longestMatch(address: AddressBytes): T | undefined {
    return this.matches(address, 0, address.length)[0]
  }

  #root(addressLength: number): Node<T> {
    return addressLength === 4 ? this.#ipv4 : this.#ipv6
  }
}

const emptyNode = <T>(): Node<T> => ({ zero: undefined, one: undefined, values: [] })
