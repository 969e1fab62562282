import type { WebSocket } from 'ws'
import type { Clock } from '../../../core/runtime/clock.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import type { Limits } from '../grants/limits.ts'

/** Owner of a connection. */
export interface SocketOwner {
  role: 'client' | 'gateway'
  accountId: string
  /** Actor of a client; null for gateways, which belong to the account. */
  actorId: string | null
}

interface Held {
  socket: WebSocket
  owner: SocketOwner
}

const KIB = 1024
/** Buffered bytes up to which a socket is not considered slow. */
const UNREMARKABLE_BYTES = 32 * KIB
/** Interval between two sums over all of an account's sockets, which may be very many. */
const SUM_INTERVAL_MS = SECOND

/** Limits the number of connections per actor and account, and the bytes buffered for peers that do not read. */
export class SocketBounds {
  readonly #limits: Limits
  readonly #clock: Pick<Clock, 'now'>
  readonly #owners = new Map<WebSocket, SocketOwner>()
  readonly #ofActor = new Map<string, Set<Held>>()
  readonly #ofAccount = new Map<string, Set<Held>>()
  readonly #countedAt = new Map<string, Instant>()
  #cutOff = 0

  constructor(limits: Limits, clock: Pick<Clock, 'now'>) {
    this.#limits = limits
    this.#clock = clock
  }

  /** Returns why no further connection is allowed, as a sentence without a full stop; undefined if one is. */
  refusal({ role, actorId, accountId }: SocketOwner): string | undefined {
    if (role === 'gateway') return undefined
    const { connections_per_actor: most, connections_per_account: maxOfAccount } = this.#limits
    if (actorId !== null && (this.#ofActor.get(actorId)?.size ?? 0) >= most) {
      return `The devices of this person or service account have ${most} connections, which is the maximum (limits.connections_per_actor)`
    }
    if ((this.#ofAccount.get(accountId)?.size ?? 0) >= maxOfAccount) {
      return `The account has ${maxOfAccount} connections, which is the maximum (limits.connections_per_account)`
    }
    return undefined
  }

  add(socket: WebSocket, owner: SocketOwner): void {
    const held = { socket, owner }
    const { accountId, actorId } = owner
    this.#owners.set(socket, owner)
    const sets = [setOf(this.#ofAccount, accountId), ...(actorId === null ? [] : [setOf(this.#ofActor, actorId)])]
    for (const set of sets) set.add(held)
    socket.once('close', () => {
      this.#owners.delete(socket)
      for (const set of sets) set.delete(held)
      if (this.#ofAccount.get(accountId)?.size === 0) this.#ofAccount.delete(accountId)
      if (actorId !== null && this.#ofActor.get(actorId)?.size === 0) this.#ofActor.delete(actorId)
    })
  }

  /**
   * Whether a message of this size may be sent to a peer. If too much is buffered for it, its actor or its account,
   * closes the connections with the most buffered bytes.
   */
  maySend(socket: WebSocket, bytes: number): boolean {
    if (socket.bufferedAmount + bytes <= UNREMARKABLE_BYTES) return true
    const owner = this.#owners.get(socket)
    if (owner === undefined) return true
    const { accountId, actorId, role } = owner
    const limits = this.#limits
    // Even if nothing is buffered for this socket, the actor's other sockets may together hold too much.
    if (actorId !== null) this.#relieve(this.#ofActor.get(actorId), limits.unsent_kib_per_actor * KIB)
    if (socket.bufferedAmount <= UNREMARKABLE_BYTES) return socket.readyState === socket.OPEN
    const ofOne = role === 'gateway' ? limits.unsent_kib_per_gateway : limits.unsent_kib_per_connection
    if (socket.bufferedAmount > ofOne * KIB) this.#cut(socket)
    const now = this.#clock.now()
    const countedAt = this.#countedAt.get(accountId)
    if (countedAt === undefined || now >= after(countedAt, SUM_INTERVAL_MS)) {
      this.#countedAt.set(accountId, now)
      this.#relieve(this.#ofAccount.get(accountId), limits.unsent_kib_per_account * KIB)
    }
    return socket.readyState === socket.OPEN
  }

  /** Number of connections closed because the peer did not read. */
  get cutOff(): number {
    return this.#cutOff
  }

  /** Closes the connections with the most buffered bytes until their sum is within a bound. */
  #relieve(held: ReadonlySet<Held> | undefined, maxBytes: number): void {
    const waiting = [...(held ?? [])].filter(
      ({ socket }) => socket.readyState === socket.OPEN && socket.bufferedAmount > 0,
    )
    let sum = waiting.reduce((total, { socket }) => total + socket.bufferedAmount, 0)
    if (sum <= maxBytes) return
    for (const { socket } of waiting.toSorted((a, b) => b.socket.bufferedAmount - a.socket.bufferedAmount)) {
      if (sum <= maxBytes) return
      sum -= socket.bufferedAmount
      this.#cut(socket)
    }
  }

  #cut(socket: WebSocket): void {
    this.#cutOff++
    socket.terminate()
  }
}

const setOf = (sets: Map<string, Set<Held>>, key: string): Set<Held> => {
  const set = sets.get(key) ?? new Set<Held>()
  sets.set(key, set)
  return set
}
