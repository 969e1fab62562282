import type { WebSocket } from 'ws'
import { succeeds, type ProcessConnect } from '../../../core/control/process-header.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'
import type { SeatedConnection } from '../grants/seated.ts'

export interface SeatsOptions {
  clock: Clock
  /** Returns the present connection of a client or gateway, if any. */
  seated: (peerId: string) => SeatedConnection | undefined
  socketOf: (connection: string) => WebSocket | undefined
  /** Returns the process that has a connection, if it is known. */
  processOf: (connection: string) => ProcessConnect | undefined
}

export type SeatVerdict =
  | {
      isTaken: false
      /** Connection that is to be replaced: it did not answer, or its own process comes again. */ replaces?: string
    }
  | { isTaken: true; by: SeatedConnection }

/** Time to answer a ping: a connected peer answers as soon as it reads. */
const ANSWER_TIMEOUT_MS = 1.5 * SECOND

/**
 * Ensures that each client or gateway has one connection, its seat. A newcomer replaces the seated connection only if
 * it is the same process, or if that does not answer a ping: a roaming peer leaves a dead connection behind, while the
 * original of a cloned machine answers.
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
   * connection did not @param process process of the newcomer, if it tells it
   */
  async claim(
    peerId: string,
    { outranks = false, process }: { outranks?: boolean; process?: ProcessConnect | undefined } = {},
  ): Promise<SeatVerdict> {
    const by = this.#options.seated(peerId)
    if (by === undefined) return { isTaken: false }
    const { connection } = by
    const isCertain = outranks || by.isSilent || succeeds(process, this.#options.processOf(connection))
    if (isCertain || !(await this.#answers(connection))) return { isTaken: false, replaces: connection }
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
