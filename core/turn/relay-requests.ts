// Requests of a client to its relay (RFC 8489 §6.2.1, §9.2): repeated until they are answered, authenticated with the
// relay's realm and nonce once it has told them.
import type { RelayCredentials } from '../crypto/relay-credentials.ts'
import { toHex } from '../crypto/text-encoding.ts'
import type { Counters } from '../runtime/counters.ts'
import { earliest, type Deadline } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import type { Random } from '../runtime/random.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'
import { attribute, NONCE, readErrorCode, readText, REALM, textAttribute, USERNAME } from '../stun/stun-attributes.ts'
import {
  BINDING,
  encodeWithoutFingerprint,
  provesKey,
  type StunAttribute,
  type StunMessage,
} from '../stun/stun-message.ts'
import { longTermKey } from './long-term-key.ts'

/** A request to a relay, and its purpose for the sender. */
export interface RelayRequest<Purpose> {
  purpose: Purpose
  method: number
  /** Makes the attributes; addresses are masked by the transaction id. */
  attributes: (transactionId: Uint8Array) => readonly StunAttribute[]
}

/** Outputs of `RelayRequests`. */
export type RelayRequestsOutput<Purpose> =
  | { type: 'send'; bytes: Uint8Array }
  | { type: 'succeeded'; purpose: Purpose; message: StunMessage }
  /** The relay has answered with an error. */
  | { type: 'failed'; purpose: Purpose; code: number }
  /** The relay has not answered for `GIVE_UP_MS`. */
  | { type: 'unanswered'; purpose: Purpose }

/** Time in milliseconds after which an unanswered request is given up. */
export const GIVE_UP_MS = 8 * SECOND
const FIRST_RETRANSMIT_MS = 250
const LAST_RETRANSMIT_MS = 2 * SECOND
/** Most nonces that a relay may call stale in a row, for one request. */
const MAX_STALE = 3
const [UNAUTHORIZED, STALE_NONCE] = [401, 438]
/**
 * Errors that are believed without MESSAGE-INTEGRITY, which RFC 8489 §9.2.4 does not ask for, and coturn leaves out: none
 * does more harm than silence does, and whoever sends one has to guess the transaction id.
 */
const BELIEVED = new Set([400, UNAUTHORIZED, 420, 437, STALE_NONCE, 441])

interface Open<Purpose> extends RelayRequest<Purpose> {
  bytes: Uint8Array
  /** Realm and nonce that the request carries; undefined if it is not authenticated. */
  auth: Auth | undefined
  beganAt: Instant
  sentAt: Instant
  tries: number
  stale: number
}

interface Auth {
  realm: string
  nonce: string
  key: Uint8Array
}

/** Open requests to one relay. */
export class RelayRequests<Purpose> {
  readonly #random: Random
  readonly #counters: Counters
  readonly #open = new Map<string, Open<Purpose>>()
  readonly #outputs = new OutputQueue<RelayRequestsOutput<Purpose>>()
  #credentials: RelayCredentials
  #auth: Auth | undefined

  constructor({
    random,
    credentials,
    counters,
  }: {
    random: Random
    credentials: RelayCredentials
    counters: Counters
  }) {
    this.#random = random
    this.#credentials = credentials
    this.#counters = counters
  }

  /** Uses other credentials for the requests from here on. */
  renew(credentials: RelayCredentials): void {
    this.#credentials = credentials
    const auth = this.#auth
    if (auth !== undefined) this.#auth = { ...auth, key: longTermKey({ ...credentials, realm: auth.realm }) }
  }

  /** Sends a request; its outcome is an output. */
  begin(request: RelayRequest<Purpose>, now: Instant): void {
    this.#send(request, { beganAt: now, stale: 0 }, now)
  }

  /** Forgets all open requests. */
  clear(): void {
    this.#open.clear()
  }

  /** Whether the relay owes an answer with this transaction id of 12 bytes. */
  awaits(transactionId: Uint8Array): boolean {
    return this.#open.has(toHex(transactionId))
  }

  /** Takes an answer of the relay. One that does not prove the key, although it has to, counts as not sent. */
  receive(message: StunMessage, now: Instant): void {
    const id = toHex(message.transactionId)
    const open = this.#open.get(id)
    if (open === undefined || open.method !== message.method) return this.#counters.count('unknown-transaction')
    if (message.kind === 'success') {
      if (open.method !== BINDING && !this.#isProven(message, open)) return this.#counters.count('wrong-integrity')
      this.#open.delete(id)
      this.#outputs.push({ type: 'succeeded', purpose: open.purpose, message })
      return
    }
    if (message.kind !== 'error') return this.#counters.count('not-an-answer')
    const code = readErrorCode(message) ?? 0
    const isBelieved = message.integrity === undefined ? BELIEVED.has(code) : this.#isProven(message, open)
    if (!isBelieved) return this.#counters.count('wrong-integrity')
    this.#open.delete(id)
    const stale = this.#retries(open, code, message)
    if (stale === undefined) this.#outputs.push({ type: 'failed', purpose: open.purpose, code })
    else this.#send(open, { beganAt: open.beganAt, stale }, now)
  }

  wake(now: Instant): void {
    for (const [id, open] of this.#open) {
      if (after(open.beganAt, GIVE_UP_MS) <= now) {
        this.#open.delete(id)
        this.#outputs.push({ type: 'unanswered', purpose: open.purpose })
      } else if (repeatAt(open) <= now) {
        open.sentAt = now
        open.tries++
        this.#outputs.push({ type: 'send', bytes: new Uint8Array(open.bytes) })
      }
    }
  }

  poll(): RelayRequestsOutput<Purpose> | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    let first: Deadline | undefined
    for (const open of this.#open.values()) {
      const ends = { at: after(open.beganAt, GIVE_UP_MS), reason: 'a relay is silent' }
      first = earliest(first, ends, { at: repeatAt(open), reason: 'a relay has not answered' })
    }
    return first
  }

  #send(
    { purpose, method, attributes }: RelayRequest<Purpose>,
    { beganAt, stale }: { beganAt: Instant; stale: number },
    now: Instant,
  ): void {
    const auth = method === BINDING ? undefined : this.#auth
    const transactionId = this.#random.bytes(12)
    const proof = auth === undefined ? [] : this.#proof(auth)
    const message = {
      kind: 'request',
      method,
      transactionId,
      attributes: [...attributes(transactionId), ...proof],
    } as const
    const bytes = encodeWithoutFingerprint(message, auth?.key)
    const sent = { purpose, method, attributes, bytes, auth, beganAt, sentAt: now, tries: 1, stale }
    this.#open.set(toHex(transactionId), sent)
    this.#outputs.push({ type: 'send', bytes: new Uint8Array(bytes) })
  }

  #proof({ realm, nonce }: Auth): StunAttribute[] {
    const { username } = this.#credentials
    return [textAttribute(USERNAME, username), textAttribute(REALM, realm), textAttribute(NONCE, nonce)]
  }

  /**
   * Takes over realm and nonce of an error, and returns how many nonces of the request were stale, if the request is to
   * be repeated with them: after 401 where it was not authenticated, or by an old nonce; after 438.
   */
  #retries({ auth, stale }: Open<Purpose>, code: number, message: StunMessage): number | undefined {
    if ((code !== UNAUTHORIZED && code !== STALE_NONCE) || stale >= MAX_STALE) return undefined
    const realm = readText(message, REALM) ?? auth?.realm
    const nonce = readText(message, NONCE)
    if (realm === undefined || nonce === undefined) return undefined
    // Refused with this very nonce, the credentials are wrong. With another one, that is not known yet.
    if (code === UNAUTHORIZED && auth !== undefined && (auth.nonce === nonce || stale > 0)) return undefined
    this.#auth = { realm, nonce, key: longTermKey({ ...this.#credentials, realm }) }
    return auth === undefined ? stale : stale + 1
  }

  #isProven(message: StunMessage, { auth }: Open<Purpose>): boolean {
    if (auth !== undefined) return provesKey(message, auth.key)
    // The answer to the first request of all tells the realm, and may be signed with the key that follows from it.
    const realm = attribute(message, REALM) === undefined ? undefined : readText(message, REALM)
    return realm !== undefined && provesKey(message, longTermKey({ ...this.#credentials, realm }))
  }
}

const repeatAt = ({ sentAt, tries }: { sentAt: Instant; tries: number }): Instant =>
  after(sentAt, Math.min(FIRST_RETRANSMIT_MS * 2 ** (tries - 1), LAST_RETRANSMIT_MS))
