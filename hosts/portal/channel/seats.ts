import type { WebSocket } from 'ws'
import type { Clock } from '../../../core/runtime/clock.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'
import type { SeatedConnection } from '../grants/seated.ts'

export interface SeatsOptions {
  clock: Clock
  /** The connection by which a client or gateway is here; undefined where it is not. */
  seated: (peerId: string) => SeatedConnection | undefined
  socketOf: (connection: string) => WebSocket | undefined
}

export type SeatVerdict =
  | { isTaken: false; /** The connection that did not answer, whose place is to be taken. */ replaces?: string }
  | { isTaken: true; by: SeatedConnection }

/** A peer answers a ping as soon as it reads; one that is slower than that is cut off, or stands still. */
const ANSWER_WITHIN_MS = 1.5 * SECOND

/**
 * The places of clients and gateways, each for one connection. Whoever comes for a place that is taken gets it only where the connection
 * that has it does not answer a ping: a peer that roams leaves such a one behind, a cloned machine meets one that answers.
 */
export class Seats {
  readonly #options: SeatsOptions
  readonly #asking = new Map<string, Promise<boolean>>()

  constructor(options: SeatsOptions) {
    this.#options = options
  }

  /**
   * Asks whether a peer may come in by a further connection.
   * @param outranks whether it is the device whose place it is, and the one that has the place did not show that it is
   */
  async claim(peerId: string, { outranks = false }: { outranks?: boolean } = {}): Promise<SeatVerdict> {
    const by = this.#options.seated(peerId)
    if (by === undefined) return { isTaken: false }
    const { connection } = by
    if (outranks || by.isSilent || !(await this.#answers(connection))) return { isTaken: false, replaces: connection }
    return { isTaken: true, by }
  }

  /** Whether nobody has taken the place since it was claimed. */
  isStillFree(peerId: string, { replaces }: SeatVerdict & { isTaken: false }): boolean {
    const by = this.#options.seated(peerId)
    return by === undefined || by.connection === replaces
  }

  /** One ping at a time, however many ask. */
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
      const cancel = clock.wake(after(clock.now(), ANSWER_WITHIN_MS), gone)
      socket.on('pong', alive).on('message', alive).on('close', gone)
      socket.ping()
    })
  }
}
