import { decodeFrame, encodeFrame, errorReply, okReply, type Frame } from '../../../core/control/frame.ts'
import { RELAY_TOPIC, RelayJoin } from '../../../core/control/relay-messages.ts'
import { after, SECOND, type Instant } from '../../../core/runtime/time.ts'
import { TokenBucket } from '../../../core/runtime/token-bucket.ts'

export type RelayChannelOutput =
  | { type: 'sendText'; text: string }
  | { type: 'register'; stampSecret: string }
  /** Closes the connection after the texts sent before. */
  | { type: 'close'; reason: string }

/** Longest frame from a relay, in UTF-16 units. */
const MAX_FRAME_CHARACTERS = 16_384
/** Time within which a relay joins. */
const JOIN_TIMEOUT_MS = 10 * SECOND
/** Silence after which a relay counts as gone; heartbeats of released relays come every 10 s. */
const IDLE_TIMEOUT_MS = 41 * SECOND
const FRAME_RATE = { perSecond: 5, burst: 50 }

/** One connection of a relay: its join with a stamp secret, its heartbeats, its silence. Pure: time is a parameter. */
export class RelayChannel {
  readonly #allowance = new TokenBucket(FRAME_RATE)
  readonly #openedAt: Instant
  #heardAt: Instant
  #hasJoined = false
  #isClosing = false

  constructor(now: Instant) {
    this.#openedAt = now
    this.#heardAt = now
  }

  /** Returns when to call `wake`. */
  deadline(): Instant {
    return this.#hasJoined ? after(this.#heardAt, IDLE_TIMEOUT_MS) : after(this.#openedAt, JOIN_TIMEOUT_MS)
  }

  /** Closes a relay that is silent, or has not joined. */
  wake(now: Instant): RelayChannelOutput[] {
    if (now < this.deadline()) return []
    return this.#close(this.#hasJoined ? 'idle' : 'nobody joined')
  }

  /** Handles one text of the relay. */
  received(text: string, now: Instant): RelayChannelOutput[] {
    if (this.#isClosing) return []
    this.#heardAt = now
    if (!this.#allowance.take(now)) return this.#close('too many messages')
    const decoded = decodeFrame(text, MAX_FRAME_CHARACTERS)
    if (!decoded.ok) return []
    const { topic, event, payload, ref } = decoded.frame
    if (topic === 'phoenix' && event === 'heartbeat') return replies(ref, okReply(topic, ref))
    if (topic !== RELAY_TOPIC) return replies(ref, errorReply(topic, ref, 'unmatched topic'))
    if (event !== 'phx_join') {
      return replies(ref, errorReply(topic, ref, this.#hasJoined ? 'unknown_message' : 'unmatched topic'))
    }
    const join = RelayJoin.safeParse(payload)
    if (!join.success) {
      return [...replies(ref, errorReply(topic, ref, 'invalid_stamp_secret')), ...this.#close(BAD_SECRET)]
    }
    this.#hasJoined = true
    return [
      ...replies(ref, okReply(topic, ref)),
      sendText({ topic, event: 'init', payload: {}, ref: null }),
      { type: 'register', stampSecret: join.data.stamp_secret },
    ]
  }

  #close(reason: string): RelayChannelOutput[] {
    if (this.#isClosing) return []
    this.#isClosing = true
    return [{ type: 'close', reason }]
  }
}

const BAD_SECRET = 'the stamp_secret is missing, too short or easily guessed'

const sendText = (frame: Frame): RelayChannelOutput => ({ type: 'sendText', text: encodeFrame(frame) })

/** Answers a frame; a push has no ref, and no answer. */
const replies = (ref: number | null, frame: Frame): RelayChannelOutput[] => (ref === null ? [] : [sendText(frame)])
