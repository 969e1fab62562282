import type { WebSocket } from 'ws'
import type { Clock } from '../../../core/runtime/clock.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'
import type { SeatedConnection } from '../grants/seated.ts'

export interface SeatsOptions {
  clock: Clock
  /** Returns the present connection of a client or gateway, if any. */
  seated: (peerId: string) => SeatedConnection | undefined
  socketOf: (connection: string) => WebSocket | undefined
}

export type SeatVerdict =
  | { isTaken: false; /** Connection that did not answer and is to be replaced. */ replaces?: string }
  | { isTaken: true; by: SeatedConnection }

/** Time to answer a ping: a connected peer answers as soon as it reads. */
const ANSWER_TIMEOUT_MS = 1.5 * SECOND

/**
 * Ensures that each client or gateway has one connection, its seat. A newcomer replaces the seated connection only if
 * that does not answer a ping: a roaming peer leaves a dead connection behind, while the original of a cloned machine
 * answers.
 */
export class Seats {
  readonly #options: SeatsOptions
  /** Pings under way by connection. */
  readonly #asking = new Map<string, Promise<boolean>>()

  constructor(options: SeatsOptions) {
    this.#options = options
  }

  /**
   * Decides whether a peer may connect again. @param outranks whether the newcomer proved the device key and the seated
   * connection did not
   */
  async claim(peerId: string, { outranks = false }: { outranks?: boolean } = {}): Promise<SeatVerdict> {
    const by = this.#options.seated(peerId)
    if (by === undefined) return { isTaken: false }
    const { connection } = by
    if (outranks || by.isSilent || !(await this.#answers(connection))) return { isTaken: false, replaces: connection }
    return { isTaken: true, by }
  }

  /** Whether the seat is still as it was when it was claimed. */
  isStillFree(peerId: string, { replaces }: SeatVerdict & { isTaken: false }): boolean {
    const by = this.#options.seated(peerId)
    return by === undefined || by.connection === replaces
  }

  /** Whether a connection answers a ping; simultaneous callers share one ping. */
  #answers(connection: string): Promise<boolean> {
    const asking = this.#asking.get(connection)
    if (asking !== undefined) return asking
    const socket = this.#options.socketOf(connection)
    if (socket === undefined || socket.readyState !== socket.OPEN) return Promise.resolve(false)
    const answer = this.#ping(socket).finally(() => this.#asking.delete(connection))
    this.#asking.set(connection, answer)
    return answer
  }

  #ping(socket: WebSocket): Promise<boolean> {
    const { clock } = this.#options
    return new Promise((resolve) => {
      const end = (isAnswered: boolean): void => {
        cancel()
        socket.off('pong', alive).off('message', alive).off('close', gone)
        resolve(isAnswered)
      }
      const alive = (): void => end(true)
      const gone = (): void => end(false)
      const cancel = clock.wake(after(clock.now(), ANSWER_TIMEOUT_MS), gone)
      socket.on('pong', alive).on('message', alive).on('close', gone)
      socket.ping()
    })
  }
}
