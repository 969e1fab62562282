import { createSocket, type Socket } from 'node:dgram'
import { splitEndpoint, type Endpoint, type Family } from '../../../core/runtime/endpoint.ts'
import type { Logger } from '../../../core/runtime/logger.ts'

export interface ProbeSocketsOptions {
  logger: Logger
  onDatagram: (from: { address: string; port: number }, bytes: Uint8Array) => void
  onFailure: (to: Endpoint, code: string) => void
}

/** UDP sockets from which relays are probed, one of each family, opened with the first datagram of that family. */
export class ProbeSockets {
  readonly #options: ProbeSocketsOptions
  readonly #sockets = new Map<Family, Socket>()
  #isClosed = false

  constructor(options: ProbeSocketsOptions) {
    this.#options = options
  }

  send(to: Endpoint, bytes: Uint8Array): void {
    const parts = splitEndpoint(to)
    if (parts === undefined || this.#isClosed) return
    const { address, port, family } = parts
    this.#socketOf(family).send(bytes, port, address, (error) => {
      if (error !== null && !this.#isClosed) this.#options.onFailure(to, codeOf(error))
    })
  }

  close(): void {
    this.#isClosed = true
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
  }

  #socketOf(family: Family): Socket {
    const known = this.#sockets.get(family)
    if (known !== undefined) return known
    const { logger, onDatagram } = this.#options
    const socket = createSocket(family === 'ipv6' ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' })
    socket.on('error', (error) => {
      logger.warn({ error, family }, 'a socket that probes relays failed: another one is opened')
      socket.close()
      if (this.#sockets.get(family) === socket) this.#sockets.delete(family)
    })
    socket.on('message', (bytes, from) => onDatagram(from, bytes))
    this.#sockets.set(family, socket)
    return socket
  }
}

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '')
