// The portal's STUN server: UDP sockets of their own, apart from the control channel. It answers anybody, within limits.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { LimitedAnswers } from './limited-answers.ts'

export interface StunServerOptions {
  /** Addresses to listen on; `0.0.0.0` and `::` are all of a family. */
  listen: readonly string[]
  /** UDP port; 0 for any. */
  port: number
  clock: Clock
  logger: Logger
}

/** STUN server (RFC 8489) that answers Binding requests only, so that peers learn their addresses outside of a NAT. */
export class StunServer implements Startable {
  readonly #options: StunServerOptions
  readonly #sockets: Socket[] = []
  readonly #answers = new LimitedAnswers()

  constructor(options: StunServerOptions) {
    this.#options = options
  }

  /** Port of the first socket; undefined before the start. */
  get port(): number | undefined {
    return this.#sockets[0]?.address().port
  }

  /** Returns the number of datagrams by outcome: `answered`, or the reason why not. */
  counters(): Readonly<Record<string, number>> {
    return this.#answers.counters()
  }

  /** Binds the sockets, without a family that this machine lacks. @throws OperatorError STUN_LISTEN_FAILED */
  async start(): Promise<void> {
    const { listen, port } = this.#options
    const failures: unknown[] = []
    for (const address of listen) {
      try {
        this.#sockets.push(await this.#bind(address, port))
      } catch (error) {
        if (!WILDCARDS.has(address) || !LACKING.has(codeOf(error))) throw cannotListen(address, port, error)
        failures.push(error)
      }
    }
    if (this.#sockets.length === 0) throw cannotListen(listen.join(' and '), port, failures[0])
  }

  async stop(): Promise<void> {
    const sockets = this.#sockets.splice(0)
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))))
  }

  async #bind(address: string, port: number): Promise<Socket> {
    const { logger } = this.#options
    const isIpv6 = address.includes(':')
    const socket = createSocket(isIpv6 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' })
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.bind({ address, port, exclusive: true }, resolve)
    }).catch((error: unknown) => {
      socket.close()
      throw error
    })
    socket.on('error', (error) => logger.warn({ error }, 'a STUN socket failed'))
    socket.on('message', (datagram, from) => this.#receive(socket, datagram, from))
    return socket
  }

  #receive(socket: Socket, datagram: Uint8Array, from: RemoteInfo): void {
    const answer = this.#answers.answer(datagram, from, this.#options.clock.now())
    // A datagram that cannot be sent is lost, as on any network.
    if (answer !== undefined) socket.send(answer, from.port, from.address, () => undefined)
  }
}

/** Remedy where a portal cannot listen at its STUN server's port. */
export const LISTEN_REMEDY =
  'Set `stun: { listen, port }` to what is free; `stun: { listen: [] }` where another process serves there, or `stun: false`.'

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
/** Codes of a machine without the address family. */
const LACKING: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'])

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

const cannotListen = (address: string, port: number, error: unknown): OperatorError =>
  new OperatorError(
    'STUN_LISTEN_FAILED',
    `Cannot listen on ${address}, UDP port ${port}: ${error instanceof Error ? error.message : String(error)}.`,
    LISTEN_REMEDY,
  )
