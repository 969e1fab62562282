import { toHex } from '../crypto/text-encoding.ts'
import type { TunnelPath } from '../runtime/path.ts'
import type { Random } from '../runtime/random.ts'
import type { CandidatePair } from './candidate-pair.ts'
import { candidatePriority } from './candidate.ts'
import { encodeCheck, readAnswer, type AnswerVerdict, type OwnCheck } from './connectivity-check.ts'
import type { StunMessage } from '../stun/stun-message.ts'

/** A check of this agent that may still be answered. */
export interface OpenCheck {
  path: TunnelPath
  /** Size in bytes to which the check was padded as a path probe; undefined for an ordinary check. */
  probeBytes: number | undefined
}

/** Most open checks; beyond it the oldest are forgotten. */
const MAX_OPEN_CHECKS = 128

/** Encoder of one agent's checks, which matches answers to them. */
export class OwnChecks {
  readonly #who: Pick<OwnCheck, 'local' | 'remote' | 'role' | 'tieBreaker'>
  readonly #random: Random
  /** Open checks by transaction id, in hex. */
  readonly #open = new Map<string, OpenCheck>()

  constructor({ role, local, remote, random }: Pick<OwnCheck, 'role' | 'local' | 'remote'> & { random: Random }) {
    this.#who = { role, local, remote, tieBreaker: random.bytes(8) }
    this.#random = random
  }

  /** Encodes a check of a pair as a datagram. */
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

  /**
   * Finds and verifies the check that a message answers, and closes it unless the answer is refused. Undefined if there
   * is none.
   */
  answer(message: StunMessage): { check: OpenCheck; verdict: AnswerVerdict } | undefined {
    const id = toHex(message.transactionId)
    const check = this.#open.get(id)
    if (check === undefined) return undefined
    const verdict = readAnswer(message, this.#who.remote)
    if (verdict.type !== 'refused') this.#open.delete(id)
    return { check, verdict }
  }
}
