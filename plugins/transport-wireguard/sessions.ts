import type { Session } from './session.ts'

/**
 * The up to three sessions of a peer: `current` seals, all of them open. `next` is a responder's, until the initiator has shown
 * that it has the keys; `previous` opens what was under way while the keys changed.
 */
export class Sessions {
  #previous: Session | undefined
  #current: Session | undefined
  #next: Session | undefined
  readonly #ended: (session: Session) => void

  /** `ended` is told of each session that is no longer held. */
  constructor(ended: (session: Session) => void) {
    this.#ended = ended
  }

  get current(): Session | undefined {
    return this.#current
  }

  /** A session that we began: its answer has proven it. */
  addAsInitiator(session: Session): void {
    // An unconfirmed session of the other side's own making is kept: it may already seal with it.
    const before = this.#next ?? this.#current
    for (const other of [this.#previous, this.#current]) if (other !== before) this.#end(other)
    this.#previous = before
    this.#current = session
    this.#next = undefined
  }

  /** A session that the other side began, to be confirmed by its first packet. */
  addAsResponder(session: Session): void {
    this.#end(this.#next)
    this.#end(this.#previous)
    this.#previous = undefined
    this.#next = session
  }

  /** A packet came in this session: true if that confirmed it. */
  confirm(session: Session): boolean {
    if (session !== this.#next) return false
    this.#end(this.#previous)
    this.#previous = this.#current
    this.#current = session
    this.#next = undefined
    return true
  }

  endAll(): void {
    for (const session of [this.#previous, this.#current, this.#next]) this.#end(session)
    this.#previous = this.#current = this.#next = undefined
  }

  #end(session: Session | undefined): void {
    if (session !== undefined) this.#ended(session)
  }
}
