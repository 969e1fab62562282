import type { Session } from './session.ts'

/**
 * Sessions of a peer, up to three. `current` encrypts; all decrypt. `next` is a responder's session until a packet of
 * the initiator confirms it. `previous` decrypts packets that were in flight when the keys changed.
 */
export class Sessions {
  #previous: Session | undefined
  #current: Session | undefined
  #next: Session | undefined
  readonly #ended: (session: Session) => void

  /** `ended` is called with each session that is dropped. */
  constructor(ended: (session: Session) => void) {
    this.#ended = ended
  }

  get current(): Session | undefined {
    return this.#current
  }

  /** Adds a session that this end has begun; it becomes current at once, as the response confirms it. */
  addAsInitiator(session: Session): void {
    // An unconfirmed session begun by the peer is kept, as the peer may encrypt with it already.
    const before = this.#next ?? this.#current
    for (const other of [this.#previous, this.#current]) if (other !== before) this.#end(other)
    this.#previous = before
    this.#current = session
    this.#next = undefined
  }

  /** Adds a session that the peer has begun; its first packet will confirm it. */
  addAsResponder(session: Session): void {
    this.#end(this.#next)
    this.#end(this.#previous)
    this.#previous = undefined
    this.#next = session
  }

  /** Notes a packet received in a session. Returns whether that has confirmed it. */
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
