import { createSocket, type Socket } from 'node:dgram'
import { candidatePriority } from '../../../core/ice/candidate.ts'
import { encodeCheck, readAnswer } from '../../../core/ice/connectivity-check.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { splitEndpoint, type Family } from '../../../core/runtime/endpoint.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { after } from '../../../core/runtime/time.ts'
import { decodeStun } from '../../../core/stun/stun-message.ts'
import type { GatewayCheck } from '../grants/gateway-check.ts'

export interface GatewayChecksOptions {
  clock: Clock
  random: Random
  /** Called when a gateway has answered a check. */
  answered: (gatewayId: string) => void
}

/** Times in milliseconds at which each check of a round is sent. */
const SENT_AT_MS = [0, 250, 500]
/** Length of a round, with time for the last answer. */
const ROUND_MS = 1_000

/**
 * Sends connectivity checks (RFC 8445 §7.2) to gateways that have lost the portal, to learn whether they are alive. The
 * checks never nominate a path.
 */
export class GatewayChecks {
  readonly #options: GatewayChecksOptions
  readonly #rounds = new Map<string, Round>()

  constructor(options: GatewayChecksOptions) {
    this.#options = options
  }

  /** Begins a round of checks of a gateway, in place of one under way. */
  send(gatewayId: string, checks: readonly GatewayCheck[]): void {
    const { clock, random, answered } = this.#options
    this.#end(gatewayId)
    const round = new Round({
      asked: checks.map((check) => ({ ...check, transactionId: random.bytes(12) })),
      answered: () => {
        this.#end(gatewayId)
        answered(gatewayId)
      },
    })
    const now = clock.now()
    round.cancels.push(...SENT_AT_MS.map((ms) => clock.wake(after(now, ms), () => round.send())))
    round.cancels.push(clock.wake(after(now, ROUND_MS), () => this.#end(gatewayId)))
    this.#rounds.set(gatewayId, round)
  }

  /** Ends all rounds. */
  stop(): void {
    for (const gatewayId of this.#rounds.keys()) this.#end(gatewayId)
  }

  #end(gatewayId: string): void {
    this.#rounds.get(gatewayId)?.end()
    this.#rounds.delete(gatewayId)
  }
}

type Asked = GatewayCheck & { transactionId: Uint8Array }

/** Checks of one gateway under way, with a UDP socket for each address family. */
class Round {
  /** Functions that cancel what is still to be sent. */
  readonly cancels: (() => void)[] = []
  readonly #asked: readonly Asked[]
  readonly #answered: () => void
  readonly #sockets = new Map<Family, Socket>()

  constructor({ asked, answered }: { asked: readonly Asked[]; answered: () => void }) {
    this.#asked = asked
    this.#answered = answered
  }

  send(): void {
    for (const { transactionId, endpoint, client, gateway } of this.#asked) {
      const to = splitEndpoint(endpoint)
      if (to === undefined) continue
      const check = encodeCheck({
        transactionId,
        local: client,
        remote: gateway,
        role: 'controlling',
        tieBreaker: transactionId.subarray(0, 8),
        priority: candidatePriority('prflx', to.family),
        nominate: false,
      })
      // A check that cannot be sent, as for lack of a route, is one without an answer.
      this.#socket(to.family).send(check, to.port, to.address, () => undefined)
    }
  }

  end(): void {
    for (const cancel of this.cancels) cancel()
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #socket(family: Family): Socket {
    const open = this.#sockets.get(family)
    if (open !== undefined) return open
    const socket = createSocket(family === 'ipv6' ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' })
    // A machine that lacks the family gets no answer over it.
    socket.on('error', () => undefined)
    socket.on('message', (datagram) => {
      if (this.#isAnswer(datagram)) this.#answered()
    })
    this.#sockets.set(family, socket)
    return socket
  }

  /** Whether a datagram is an answer of any kind to a check, from somebody who knows the gateway's password. */
  #isAnswer(datagram: Uint8Array): boolean {
    const verdict = decodeStun(datagram)
    if (verdict.type === 'refused' || verdict.message.kind === 'request') return false
    const { message } = verdict
    const asked = this.#asked.find(({ transactionId }) => Buffer.compare(transactionId, message.transactionId) === 0)
    return asked !== undefined && readAnswer(message, asked.gateway).type !== 'refused'
  }
}
