// The framing of the control channel: text frames with one JSON object each (wire §2).

/** A frame of the control channel, as in Phoenix channels. */
export interface Frame {
  topic: string
  event: string
  /** Undefined if the frame has no payload. */
  payload: unknown
  /** Request number, from 0 in each connection; a reply repeats its request's; null in pushes. */
  ref: number | null
}

/** Outcome of parsing a frame. */
export type FrameVerdict = { ok: true; frame: Frame } | { ok: false; reason: FrameFault }

/** Reason why a frame is malformed. */
export type FrameFault = 'too-long' | 'not-json' | 'not-an-object' | 'bad-topic' | 'bad-event' | 'bad-ref'

/** Longest frame that a portal accepts from a peer, in UTF-16 units. */
export const MAX_FRAME_TO_PORTAL_CHARACTERS = 65_536

/** Longest frame that a peer accepts from its portal, in UTF-16 units: an `init` lists all resources. */
export const MAX_FRAME_FROM_PORTAL_CHARACTERS = 8 * 1_048_576

/**
 * Parses one frame of at most `longest` UTF-16 units. Never throws. Ignores unknown keys; refuses arrays (`vsn` 2 of
 * Phoenix).
 */
export const decodeFrame = (text: string, longest: number): FrameVerdict => {
  if (text.length > longest) return { ok: false, reason: 'too-long' }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, reason: 'not-json' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { ok: false, reason: 'not-an-object' }
  const { topic, event, payload, ref = null } = value as Record<string, unknown>
  if (typeof topic !== 'string') return { ok: false, reason: 'bad-topic' }
  if (typeof event !== 'string') return { ok: false, reason: 'bad-event' }
  if (!isRef(ref)) return { ok: false, reason: 'bad-ref' }
  return { ok: true, frame: { topic, event, payload, ref } }
}

export const encodeFrame = ({ topic, event, payload, ref }: Frame): string =>
  JSON.stringify({ topic, event, payload, ref })

/** Makes the reply that completes a join or a heartbeat; peers demand that `response` is exactly `{}`. */
export const okReply = (topic: string, ref: number | null): Frame => ({
  topic,
  event: 'phx_reply',
  payload: { status: 'ok', response: {} },
  ref,
})

export const errorReply = (topic: string, ref: number | null, reason: string): Frame => ({
  topic,
  event: 'phx_reply',
  payload: { status: 'error', response: { reason } },
  ref,
})

/** Outcome of a request, read from a `phx_reply`. */
export type Reply = { status: 'ok' } | { status: 'error'; reason: string }

/** Reads the payload of a `phx_reply`; undefined if it is neither the exact success nor an error with a reason. */
export const readReply = (payload: unknown): Reply | undefined => {
  const { status, response } = record(payload) ?? {}
  const answer = record(response)
  if (answer === undefined) return undefined
  if (status === 'ok') return Object.keys(answer).length === 0 ? { status } : undefined
  return status === 'error' && typeof answer.reason === 'string' ? { status, reason: answer.reason } : undefined
}

const isRef = (ref: unknown): ref is number | null =>
  ref === null || (typeof ref === 'number' && Number.isSafeInteger(ref) && ref >= 0)

const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
