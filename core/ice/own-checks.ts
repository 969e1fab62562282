import type { Endpoint } from '../runtime/endpoint.ts'
import { toHex } from '../crypto/text-encoding.ts'
import type { Random } from '../runtime/random.ts'
import type { CandidatePair } from './candidate-pair.ts'
import { candidatePriority } from './candidate.ts'
import { encodeCheck, readAnswer, type AnswerVerdict, type OwnCheck } from './connectivity-check.ts'
import type { StunMessage } from './stun-message.ts'

/** A request of ours that may still be answered. */
export interface OpenCheck {
  path: Endpoint
  /** What it was filled up to, where it asks how much the path carries. */
  probeBytes: number | undefined
}

/** Beyond it the oldest are forgotten. */
const MAX_OPEN_CHECKS = 128

/** The checks that one agent sends, and who of them was answered how. */
export class OwnChecks {
  readonly #who: Pick<OwnCheck, 'local' | 'remote' | 'role' | 'tieBreaker'>
  readonly #random: Random
  /** By transaction, in hex. */
  readonly #open = new Map<string, OpenCheck>()

  constructor({ role, local, remote, random }: Pick<OwnCheck, 'role' | 'local' | 'remote'> & { random: Random }) {
    this.#who = { role, local, remote, tieBreaker: random.bytes(8) }
    this.#random = random
  }

  /** A datagram that checks a pair. */
  begin(
    { path, remote }: CandidatePair,
    { nominate, probeBytes }: Pick<OwnCheck, 'nominate' | 'probeBytes'>,
  ): Uint8Array {
    const transactionId = this.#random.bytes(12)
    const priority = candidatePriority('prflx', remote.family)
    this.#open.set(toHex(transactionId), { path, probeBytes })
    if (this.#open.size > MAX_OPEN_CHECKS) {
      for (const oldest of this.#open.keys()) {
        this.#open.delete(oldest)
        break
      }
    }
    return encodeCheck({ ...this.#who, transactionId, priority, nominate, probeBytes })
  }

  /** Which check a message answers, and how; it is not open any more, unless the answer is refused. Undefined: none. */
  answer(message: StunMessage): { check: OpenCheck; verdict: AnswerVerdict } | undefined {
    const id = toHex(message.transactionId)
    const check = this.#open.get(id)
    if (check === undefined) return undefined
    const verdict = readAnswer(message, this.#who.remote)
    if (verdict.type !== 'refused') this.#open.delete(id)
    return { check, verdict }
  }
}
