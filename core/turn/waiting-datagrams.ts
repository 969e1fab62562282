/** Most datagrams that wait for one receiver by default: some 30 ms at 50 Mbit/s. */
const MAX_PER_RECEIVER = 128
/** Most bytes that wait for all receivers. */
const MAX_BYTES = 16 * 1_048_576

interface Queue {
  datagrams: Uint8Array[]
}

/**
 * Datagrams that could not be sent at once. Each receiver has a bounded queue, of which the oldest is dropped where it is
 * full: what is old is worth least, and a slow receiver takes nobody else's room. Receivers take turns.
 */
export class WaitingDatagrams<Receiver> {
  readonly #queues = new Map<Receiver, Queue>()
  readonly #maxPerReceiver: number
  #bytes = 0
  #dropped = 0

  constructor({ maxPerReceiver = MAX_PER_RECEIVER }: { maxPerReceiver?: number } = {}) {
    this.#maxPerReceiver = maxPerReceiver
  }

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#queues.size === 0
  }

  /** Number of datagrams that were dropped for newer ones. */
  get dropped(): number {
    return this.#dropped
  }

  /** Whether something waits for a receiver: what comes later has to wait as well, or it would overtake. */
  has(receiver: Receiver): boolean {
    return this.#queues.has(receiver)
  }

  /** Adds a datagram, which belongs to the queue from here on. */
  add(receiver: Receiver, bytes: Uint8Array): void {
    const queue = this.#queues.get(receiver) ?? { datagrams: [] }
    this.#queues.set(receiver, queue)
    queue.datagrams.push(bytes)
    this.#bytes += bytes.length
    if (queue.datagrams.length > this.#maxPerReceiver) this.#drop(queue)
    while (this.#bytes > MAX_BYTES) this.#drop(this.#longest())
  }

  /**
   * Offers waiting datagrams to `send`, one of each receiver in turn, until it refuses one by returning false.
   * Everything that waits for a receiver is offered in order.
   */
  flush(send: (receiver: Receiver, bytes: Uint8Array) => boolean): void {
    while (this.#queues.size > 0) {
      for (const [receiver, { datagrams }] of this.#queues) {
        const [first] = datagrams
        if (first !== undefined && !send(receiver, first)) return
        datagrams.shift()
        this.#bytes -= first?.length ?? 0
        if (datagrams.length === 0) this.#queues.delete(receiver)
      }
    }
  }

  /** Offers what waits for one receiver to `send`, in order, until it refuses one by returning false. */
  flushOf(receiver: Receiver, send: (bytes: Uint8Array) => boolean): void {
    const { datagrams } = this.#queues.get(receiver) ?? { datagrams: [] }
    for (let [first] = datagrams; first !== undefined && send(first); [first] = datagrams) {
      datagrams.shift()
      this.#bytes -= first.length
    }
    if (datagrams.length === 0) this.#queues.delete(receiver)
  }

  /** Forgets what waits for a receiver. */
  forget(receiver: Receiver): void {
    for (const { length } of this.#queues.get(receiver)?.datagrams ?? []) this.#bytes -= length
    this.#queues.delete(receiver)
  }

  #drop(queue: Queue): void {
    this.#bytes -= queue.datagrams.shift()?.length ?? 0
    this.#dropped++
  }

  #longest(): Queue {
    let longest: Queue = { datagrams: [] }
    for (const queue of this.#queues.values()) if (queue.datagrams.length > longest.datagrams.length) longest = queue
    return longest
  }
}
