import type { AddressBytes } from './ip-address.ts'
import { bitAt, prefixContains, prefixCovers, type Prefix } from './prefix.ts'

/** Node of the trie: a prefix with its values, or, without values, the common prefix of two subtrees. */
interface Node<T> {
  readonly prefix: Prefix
  zero: Node<T> | undefined
  one: Node<T> | undefined
  readonly values: T[]
}

/**
 * Map from prefixes of both families to values, a path-compressed trie: n prefixes take at most 2n nodes, and the steps
 * of an operation are bounded by the number of prefixes that contain an address.
 */
export class PrefixTrie<T> {
  readonly #compare: ((a: T, b: T) => number) | undefined
  #ipv4: Node<T> | undefined
  #ipv6: Node<T> | undefined

  /** `compare` orders the values of one prefix; by default they are in the order of adding. */
  constructor(compare?: (a: T, b: T) => number) {
    this.#compare = compare
  }

  /** Adds a value under a prefix, which may have several. */
  add(prefix: Prefix, value: T): void {
    if (prefix.address.length === 4) this.#ipv4 = this.#added(this.#ipv4, prefix, value)
    else this.#ipv6 = this.#added(this.#ipv6, prefix, value)
  }

  /** Removes one value that was added under a prefix. */
  remove(prefix: Prefix, value: T): void {
    if (prefix.address.length === 4) this.#ipv4 = removed(this.#ipv4, prefix, value)
    else this.#ipv6 = removed(this.#ipv6, prefix, value)
  }

  clear(): void {
    this.#ipv4 = undefined
    this.#ipv6 = undefined
  }

  /** Returns the values of all prefixes that contain the address at `offset`, the longest prefix first. */
  matches(bytes: Uint8Array, offset: number, addressLength: number): T[] {
    const found: T[][] = []
    let node = addressLength === 4 ? this.#ipv4 : this.#ipv6
    while (node !== undefined && prefixContains(node.prefix, bytes, { offset, addressLength })) {
      if (node.values.length > 0) found.push(node.values)
      const { length } = node.prefix
      if (length === addressLength * 8) break
      node = bitAt(bytes, offset, length) === 0 ? node.zero : node.one
    }
    return found.toReversed().flat()
  }

  /** Returns the first value of the longest prefix that contains an address. */
  longestMatch(address: AddressBytes): T | undefined {
    return this.matches(address, 0, address.length)[0]
  }

  #added(node: Node<T> | undefined, prefix: Prefix, value: T): Node<T> {
    if (node === undefined) return { prefix, zero: undefined, one: undefined, values: [value] }
    const shared = sharedBits(node.prefix, prefix)
    if (shared < node.prefix.length) {
      // The prefix is shorter than the node's or differs from it, so both go below a node for their common bits.
      const above = { prefix: { address: prefix.address, length: shared }, zero: undefined, one: undefined, values: [] }
      return this.#added(withChild(above, node), prefix, value)
    }
    if (shared === prefix.length) {
      node.values.splice(this.#placeIn(node.values, value), 0, value)
      return node
    }
    const child = bitAt(prefix.address, 0, shared) === 0 ? node.zero : node.one
    return withChild(node, this.#added(child, prefix, value))
  }

  /** Returns the index at which to insert a value: behind all that are equal or come before it. */
  #placeIn(values: readonly T[], value: T): number {
    const compare = this.#compare
    if (compare === undefined) return values.length
    let [low, high] = [0, values.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = values[middle]
      if (other !== undefined && compare(other, value) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

const withChild = <T>(node: Node<T>, child: Node<T>): Node<T> => {
  if (bitAt(child.prefix.address, 0, node.prefix.length) === 0) node.zero = child
  else node.one = child
  return node
}

/**
 * Removes a value below a node, and returns the node that replaces it: a node without values needs two children to
 * stay.
 */
const removed = <T>(node: Node<T> | undefined, prefix: Prefix, value: T): Node<T> | undefined => {
  if (node === undefined || !prefixCovers(node.prefix, prefix)) return node
  const { length } = node.prefix
  if (length === prefix.length) {
    const at = node.values.indexOf(value)
    if (at >= 0) node.values.splice(at, 1)
  } else if (bitAt(prefix.address, 0, length) === 0) node.zero = removed(node.zero, prefix, value)
  else node.one = removed(node.one, prefix, value)
  if (node.values.length > 0 || (node.zero !== undefined && node.one !== undefined)) return node
  return node.zero ?? node.one
}

/** Counts the leading bits that two prefixes have in common. */
const sharedBits = (a: Prefix, b: Prefix): number => {
  const most = Math.min(a.length, b.length)
  for (let at = 0; at * 8 < most; at++) {
    const difference = (a.address[at] ?? 0) ^ (b.address[at] ?? 0)
    if (difference !== 0) return Math.min(most, at * 8 + Math.clz32(difference) - 24)
  }
  return most
}
