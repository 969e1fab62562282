// The WebSocket between a peer and the portal in virtual time: ordered, and reliable while both machines are up. Text
// that is sent over a cut link waits, as in TCP, until the link is back or one end gives the connection up.
import { after, type Instant } from '../../core/runtime/time.ts'
import type { VirtualHost, VirtualNetwork } from './virtual-network.ts'

/** Connect request of a peer. */
export interface ConnectRequest {
  role: 'client' | 'gateway'
  /** A token in whatever form the test's portal accepts. */
  token: string
  externalId: string
  name: string
  /** Public key of the peer's tunnel, in base64. */
  publicKey: string
  userAgent: string
  remoteAddress: string
}

/** The portal's end of one connection. */
export interface PortalSide {
  readonly request: ConnectRequest
  send: (text: string) => void
  close: () => void
  /** Whether a ping would be answered. */
  answers: () => boolean
}

/** A portal as the virtual network sees it. */
export interface VirtualPortalEnd {
  /** Accepts the connection, or refuses it with an HTTP status and an error code. */
  accept: (side: PortalSide) => { status: number; code: string } | undefined
  received: (side: PortalSide, text: string) => void
  closed: (side: PortalSide) => void
}

/** Events of a connection at the peer's end. */
export interface PeerEvents {
  opened: () => void
  refused: (status: number, code: string) => void
  received: (text: string) => void
  closed: () => void
}

const RETRY_MS = 100

export class VirtualControlChannel {
  readonly #network: VirtualNetwork
  readonly #host: VirtualHost
  #portal: VirtualPortalEnd | undefined
  readonly #open = new Set<Connection>()

  constructor({ network, host }: { network: VirtualNetwork; host: VirtualHost }) {
    this.#network = network
    this.#host = host
  }

  /** Starts accepting connections: the portal's process starts. */
  serve(portal: VirtualPortalEnd): void {
    this.#portal = portal
  }

  /** Resets all connections: the portal's process ends. */
  stop(): void {
    this.#portal = undefined
    for (const connection of this.#open) connection.close('portal')
  }

  /** Opens a connection to the portal from a machine. */
  connect(
    from: VirtualHost,
    request: Omit<ConnectRequest, 'remoteAddress'>,
    events: PeerEvents,
  ): { send: (text: string) => void; close: () => void } {
    const remoteAddress = from.address('ipv4') ?? from.address('ipv6') ?? ''
    const connection: Connection = new Connection({
      network: this.#network,
      ends: [from, this.#host],
      events,
      request: { ...request, remoteAddress },
      portal: () => this.#portal,
      forget: () => this.#open.delete(connection),
    })
    this.#open.add(connection)
    connection.dial()
    return { send: (text) => connection.toPortal(text), close: () => connection.close('peer') }
  }
}

interface ConnectionOptions {
  network: VirtualNetwork
  ends: readonly [VirtualHost, VirtualHost]
  events: PeerEvents
  request: ConnectRequest
  portal: () => VirtualPortalEnd | undefined
  forget: () => void
}

/** Something that is on its way to the other end since `at`. */
interface Sent {
  work: () => void
  at: Instant
}

class Connection implements PortalSide {
  readonly request: ConnectRequest
  readonly #options: ConnectionOptions
  #portal: VirtualPortalEnd | undefined
  #isClosed = false
  readonly #queues = { up: [] as Sent[], down: [] as Sent[] }

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.request = options.request
  }

  dial(): void {
    const { events } = this.#options
    this.#later('up', () => {
      const portal = this.#options.portal()
      const refusal = portal === undefined ? undefined : portal.accept(this)
      if (portal === undefined) return this.close('portal')
      if (refusal !== undefined) {
        this.#later('down', () => {
          if (this.#end()) events.refused(refusal.status, refusal.code)
        })
        return
      }
      this.#portal = portal
      this.#later('down', () => {
        if (!this.#isClosed) events.opened()
      })
    })
  }

  toPortal(text: string): void {
    this.#later('up', () => {
      if (!this.#isClosed) this.#portal?.received(this, text)
    })
  }

  send(text: string): void {
    this.#later('down', () => {
      if (!this.#isClosed) this.#options.events.received(text)
    })
  }

  answers(): boolean {
    const { network, ends } = this.#options
    return !this.#isClosed && !network.conditions(...ends).cut && ends[0].up && ends[1].up
  }

  /** Closes one end at once; the other end learns it when the network delivers it. */
  close(by: 'peer' | 'portal' = 'portal'): void {
    if (this.#isClosed) return
    if (by === 'portal') {
      this.#later('down', () => {
        if (!this.#end()) return
        this.#options.events.closed()
        this.#portal?.closed(this)
      })
      return
    }
    this.#end()
    const portal = this.#portal
    this.#later('up', () => portal?.closed(this))
  }

  /** Ends the connection; returns false if it had ended before. */
  #end(): boolean {
    if (this.#isClosed) return false
    this.#isClosed = true
    this.#options.forget()
    return true
  }

  #later(direction: 'up' | 'down', work: () => void): void {
    const queue = this.#queues[direction]
    queue.push({ work, at: this.#options.network.clock.now() })
    if (queue.length === 1) this.#pump(direction)
  }

  #pump(direction: 'up' | 'down'): void {
    const { network, ends } = this.#options
    const { latencyMs, cut } = network.conditions(...ends)
    const blocked = cut || !ends[0].up || !ends[1].up
    const queue = this.#queues[direction]
    const now = network.clock.now()
    const arrival = after(queue[0]?.at ?? now, latencyMs)
    const next = blocked ? after(now, RETRY_MS) : arrival < now ? now : arrival
    network.clock.wake(next, () => {
      if (blocked) return this.#pump(direction)
      const then = network.clock.now()
      const later = queue.findIndex(({ at }) => after(at, latencyMs) > then)
      for (const { work } of queue.splice(0, later < 0 ? queue.length : later)) work()
      if (queue.length > 0) this.#pump(direction)
    })
  }
}
