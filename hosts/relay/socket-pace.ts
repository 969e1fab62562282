import type { WebSocket } from 'ws'

/** Most messages of a socket in one turn of the event loop, besides those that have been read from it already. */
const MESSAGES_PER_TURN = 1_024

/**
 * Pace of a WebSocket: one that brings more messages than a turn's is read on in the next turn, so that whatever else the
 * process serves, such as a portal's control channels, gets its turn in between.
 */
export class SocketPace {
  readonly #socket: Pick<WebSocket, 'pause' | 'resume'>
  #taken = 0

  constructor(socket: Pick<WebSocket, 'pause' | 'resume'>) {
    this.#socket = socket
  }

  /** Counts a message that the socket has brought. */
  took(): void {
    if (this.#taken++ === 0) setImmediate(() => this.#nextTurn())
    if (this.#taken === MESSAGES_PER_TURN) this.#socket.pause()
  }

  #nextTurn(): void {
    const wasPaused = this.#taken >= MESSAGES_PER_TURN
    this.#taken = 0
    if (wasPaused) this.#socket.resume()
  }
}
