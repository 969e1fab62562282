import type { Endpoint } from '../runtime/endpoint.ts'
import { MINUTE, type Instant } from '../runtime/time.ts'
import { AccountUses } from './account-uses.ts'
import { Allocation, type ClientWay } from './allocation.ts'

export interface AllocationLimits {
  /** Most allocations of all clients. */
  total: number
  /** Most allocations of one user name, which a peer has one of, and further ones for a while where it roams. */
  perUser: number
  /** Most allocations of one account; undefined for no limit but the total. */
  perAccount?: number | undefined
  /** Most bytes of data of one account that are forwarded in a second, on average; undefined for no limit. */
  accountBytesPerSecond?: number | undefined
  /** Most permissions and channels of all allocations. */
  peers: number
  /** Most permissions and channels of one allocation. */
  peersPerAllocation: number
}

/** Reason why there is no further allocation: a user name, an account or the relay has as many as it may have. */
export type AllocationRefusal = 'user-full' | 'account-full' | 'relay-full'

/** Time without a request after which a client counts as gone: peers send one each 25 s. */
const GONE_AFTER_MS = 1 * MINUTE

/** Allocations of a relay, by client and by relayed endpoint, within limits. */
export class Allocations {
  readonly #limits: AllocationLimits
  readonly #byClient = new Map<number, Map<string, Allocation>>()
  readonly #byRelayed = new Map<Endpoint, Allocation>()
  readonly #byId = new Map<number, Allocation>()
  readonly #byUser = new Map<string, Set<Allocation>>()
  readonly #accounts: AccountUses
  #nextId = 1
  /** Permissions and channels of all allocations, counted anew at each sweep. */
  #peers = 0

  constructor(limits: AllocationLimits) {
    this.#limits = limits
    const { total, perAccount = total, accountBytesPerSecond } = limits
    this.#accounts = new AccountUses({ allocations: perAccount, bytesPerSecond: accountBytesPerSecond })
  }

  get size(): number {
    return this.#byId.size
  }

  of(listener: number, source: string): Allocation | undefined {
    return this.#byClient.get(listener)?.get(source)
  }

  at(relayed: Endpoint): Allocation | undefined {
    return this.#byRelayed.get(relayed)
  }

  byId(id: number): Allocation | undefined {
    return this.#byId.get(id)
  }

  all(): IterableIterator<Allocation> {
    return this.#byId.values()
  }

  /**
   * Makes an allocation; or returns why not, or the allocation of a client that is gone and has to end before.
   */
  add(
    client: ClientWay,
    { username, account }: { username: string; account: string },
    now: Instant,
  ): Allocation | AllocationRefusal | { endFirst: Allocation } {
    const others = this.#byUser.get(username) ?? new Set()
    if (others.size >= this.#limits.perUser) {
      const gone = [...others].find(({ heardAt }) => heardAt + GONE_AFTER_MS <= now)
      return gone === undefined ? 'user-full' : { endFirst: gone }
    }
    if (this.#byId.size >= this.#limits.total) return 'relay-full'
    const use = this.#accounts.allocate(account)
    if (use === undefined) return 'account-full'
    const allocation = new Allocation({ id: this.#nextId++, client, username, use, now })
    this.#byId.set(allocation.id, allocation)
    this.#byUser.set(username, others.add(allocation))
    const ofListener = this.#byClient.get(client.listener) ?? new Map<string, Allocation>()
    this.#byClient.set(client.listener, ofListener.set(client.source, allocation))
    return allocation
  }

  /** Notes a relayed endpoint of an allocation. */
  relay(allocation: Allocation, relayed: Endpoint): void {
    this.#byRelayed.set(relayed, allocation)
  }

  /** Forgets one relayed endpoint. */
  unrelay(relayed: Endpoint): void {
    this.#byRelayed.delete(relayed)
  }

  remove(allocation: Allocation): void {
    const { id, client, username, use, relayed } = allocation
    if (!this.#byId.delete(id)) return
    this.#accounts.release(use)
    this.#byClient.get(client.listener)?.delete(client.source)
    const ofUser = this.#byUser.get(username)
    ofUser?.delete(allocation)
    if (ofUser?.size === 0) this.#byUser.delete(username)
    for (const one of relayed.values()) this.#byRelayed.delete(one)
  }

  /** Counts `more` permissions or channels of an allocation; false where they are too many. */
  takeRoom(allocation: Allocation, more: number): boolean {
    if (more === 0) return true
    if (allocation.size + more > this.#limits.peersPerAllocation || this.#peers + more > this.#limits.peers)
      return false
    this.#peers += more
    return true
  }

  /** Forgets permissions and channels that have expired. */
  sweep(now: Instant): void {
    this.#peers = 0
    this.#accounts.sweep(now)
    for (const allocation of this.#byId.values()) {
      allocation.sweep(now)
      this.#peers += allocation.size
    }
  }
}
