import { WaitingDatagrams } from '../../core/turn/waiting-datagrams.ts'

/** Stream of a client, such as a WebSocket, that carries one STUN, TURN or ChannelData message in each of its own. */
export interface RelayStream {
  /** Sends one message. Its bytes are borrowed until it returns. */
  send: (bytes: Uint8Array) => void
  /** Returns the bytes that the stream has taken and not sent yet. */
  waitingBytes?: () => number
  /** Called when the client gets an allocation, and when it has none any more. */
  allocationChanged?: (hasAllocation: boolean) => void
}

/** Relay's end of a stream. */
export interface AttachedStream {
  /** Takes messages of the client that came together. Their bytes are borrowed until it returns. */
  received: (messages: readonly Uint8Array[]) => void
  /** Sends what waits, after the stream was full and has room again. */
  drained: () => void
  /** Ends the client's allocation, once its stream has ended. */
  ended: () => void
}

/** Number that stands for all streams in the place of a listening socket's. */
export const STREAM_LISTENER = -1

/** Most bytes that a stream may hold; what comes then waits in a queue that drops the oldest. */
const MAX_WAITING_BYTES = 256 * 1_024
/** Most messages that wait for a stream: a burst of the kernel's, as a peer sends them. */
const MAX_WAITING_MESSAGES = 1_024

export interface RelayStreamsOptions {
  received: (source: string, messages: readonly Uint8Array[]) => void
  ended: (source: string) => void
}

/** Clients of a relay at the end of streams. */
export class RelayStreams {
  readonly #options: RelayStreamsOptions
  readonly #streams = new Map<string, RelayStream>()
  readonly #waiting = new WaitingDatagrams<string>({ maxPerReceiver: MAX_WAITING_MESSAGES })
  #count = 0

  constructor(options: RelayStreamsOptions) {
    this.#options = options
  }

  /** Number of messages that were dropped for newer ones. */
  get dropped(): number {
    return this.#waiting.dropped
  }

  attach(stream: RelayStream): AttachedStream {
    const { received, ended } = this.#options
    // A name of its own: what a stream's other end says of itself may be said by others as well.
    const source = `stream ${++this.#count}`
    this.#streams.set(source, stream)
    return {
      received: (messages) => {
        // Nothing would end an allocation that begins after its stream has ended.
        if (this.#streams.has(source)) received(source, messages)
      },
      drained: () =>
        this.#waiting.flushOf(source, (bytes) => {
          if (isFull(stream)) return false
          stream.send(bytes)
          return true
        }),
      ended: () => {
        if (!this.#streams.delete(source)) return
        this.#waiting.forget(source)
        ended(source)
      },
    }
  }

  /** Sends a message to a stream; it waits where the stream is full. The bytes are borrowed until this returns. */
  send(source: string, bytes: Uint8Array): void {
    const stream = this.#streams.get(source)
    if (stream === undefined) return
    if (!this.#waiting.has(source) && !isFull(stream)) return stream.send(bytes)
    this.#waiting.add(source, new Uint8Array(bytes))
  }

  /** Tells a stream whether its client has an allocation. */
  allocationChanged(source: string, hasAllocation: boolean): void {
    this.#streams.get(source)?.allocationChanged?.(hasAllocation)
  }
}

const isFull = ({ waitingBytes }: RelayStream): boolean => (waitingBytes?.() ?? 0) > MAX_WAITING_BYTES
