/** Most messages of each kind; the oldest gives way. */
const MAX_MESSAGES = 64

/**
 * Messages that have to reach the portal: those held back until there is a connection, and those that were sent and may
 * be lost with it, as a dead connection takes what is written to it for a while.
 */
export class HeldMessages<Message> {
  readonly #waiting: Message[] = []
  #unproven: { ref: number; message: Message }[] = []

  /** Holds a message back. Returns false if another was dropped for it. */
  hold(message: Message): boolean {
    this.#waiting.push(message)
    return keepLast(this.#waiting)
  }

  /** Takes all messages that are held back, the oldest first. */
  take(): Message[] {
    return this.#waiting.splice(0)
  }

  /** Keeps a message that was sent with this reference, until it is known to have arrived. */
  sent(ref: number, message: Message): void {
    this.#unproven.push({ ref, message })
    keepLast(this.#unproven)
  }

  /** The portal has answered the frame with this reference: frames arrive in order, so all before it have arrived. */
  answered(ref: number): void {
    this.#unproven = this.#unproven.filter((each) => each.ref > ref)
  }

  /** The connection has ended: what may be lost with it is held back again, in order. */
  connectionLost(): void {
    for (const { message } of this.#unproven.splice(0)) this.hold(message)
  }

  clear(): void {
    this.#waiting.length = 0
    this.#unproven.length = 0
  }
}

/** Shortens a list to its last entries. Returns whether it was short enough. */
const keepLast = (list: unknown[]): boolean => list.splice(0, list.length - MAX_MESSAGES).length === 0
