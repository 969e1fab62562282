import type { Endpoint } from '../runtime/endpoint.ts'
import { earliest, type Deadline, type Machine } from '../runtime/machine.ts'
import { OutputQueue } from '../runtime/output-queue.ts'
import { after, SECOND, type Instant } from '../runtime/time.ts'

/** Inputs of `RelaySockets`. */
export type RelaySocketsInput =
  /**
   * Replaces what the portal offers: WebSockets of relays, the best first. `canTell`: whether there is a server that would
   * answer over UDP.
   */
  | { type: 'offered'; urls: readonly string[]; canTell: boolean }
  /** The addresses of this machine have changed; `hasMoved`: it has lost one, and with it perhaps its connections. */
  | { type: 'networkChanged'; hasMoved: boolean }
  /** A STUN server, a relay, or a peer on a doubted path, has answered over UDP. */
  | { type: 'udpAnswered' }
  /** A path over UDP was lost, or may be. */
  | { type: 'udpDoubted' }
  /** A WebSocket is open. `endpoint` is the local one by which its datagrams are sent and received. */
  | { type: 'socketOpened'; url: string; endpoint: Endpoint }
  /** A WebSocket was not opened, or has ended. */
  | { type: 'socketClosed'; url: string }

/** Outputs of `RelaySockets`. */
export type RelaySocketsOutput =
  | { type: 'openSocket'; url: string }
  | { type: 'closeSocket'; url: string }
  /** `endpoints` has changed. */
  | { type: 'socketsChanged' }

/** Whether UDP leaves this network: `blocked` where no STUN server and no relay answers. */
export type UdpState = 'unknown' | 'works' | 'blocked'

/** Time without any answer over UDP, after which it counts as blocked. */
const SILENT_AFTER_MS = 1.5 * SECOND
/**
 * Time without any answer over UDP after a path fell silent, after which it counts as blocked. The servers are asked at once
 * then. Shorter than the other: a WebSocket that was opened in vain is closed again.
 */
const DOUBTED_FOR_MS = SECOND / 2
/** Time for which WebSockets stay open after UDP works again, so that better paths are found first. */
const LEAVE_AFTER_MS = 15 * SECOND
const FIRST_RETRY_MS = 1 * SECOND
const MAX_RETRY_MS = 30 * SECOND
/** Most WebSockets at a time. */
const MAX_SOCKETS = 2

interface Socket {
  state: 'opening' | 'open' | 'waiting'
  endpoint: Endpoint | undefined
  retryAt: Instant
  retryMs: number
}

export interface RelaySocketsOptions {
  /** Whether a path in use leads over a WebSocket's endpoint. */
  isInUse: (endpoint: Endpoint) => boolean
}

/** Decides when relays are reached by WebSockets: while nobody answers over UDP (H9). */
export class RelaySockets implements Machine<RelaySocketsInput, RelaySocketsOutput> {
  readonly #isInUse: RelaySocketsOptions['isInUse']
  readonly #sockets = new Map<string, Socket>()
  readonly #outputs = new OutputQueue<RelaySocketsOutput>()
  #urls: readonly string[] = []
  #canTell = false
  #udp: UdpState = 'unknown'
  #silentAt: Instant | undefined
  #leaveAt: Instant | undefined

  constructor({ isInUse }: RelaySocketsOptions) {
    this.#isInUse = isInUse
  }

  get udp(): UdpState {
    return this.#udp
  }

  /** Endpoints of the open WebSockets by URL, the best relay's first. */
  get endpoints(): ReadonlyMap<string, Endpoint> {
    return new Map(
      this.#urls.flatMap((url) => {
        const endpoint = this.#sockets.get(url)?.endpoint
        return endpoint === undefined ? [] : [[url, endpoint] as const]
      }),
    )
  }

  /** Returns the URL of the WebSocket with an endpoint; undefined if there is none. */
  urlOf(endpoint: string): string | undefined {
    for (const [url, socket] of this.#sockets) if (socket.endpoint === endpoint) return url
    return undefined
  }

  handle(input: RelaySocketsInput, now: Instant): void {
    switch (input.type) {
      case 'offered':
        this.#urls = input.urls.slice(0, MAX_SOCKETS)
        this.#canTell = input.canTell
        for (const url of this.#sockets.keys()) if (!this.#urls.includes(url)) this.#close(url)
        if (this.#udp === 'unknown') this.#listen(now)
        break
      case 'networkChanged':
        // One that could not be opened in the network of before need not wait in this one.
        for (const [url, { state }] of this.#sockets) if (input.hasMoved || state === 'waiting') this.#close(url)
        if (input.hasMoved || this.#udp !== 'works') this.#begin(now)
        break
      case 'udpDoubted':
        if (this.#udp === 'works') this.#begin(now, DOUBTED_FOR_MS)
        break
      case 'udpAnswered':
        if (this.#udp === 'blocked') this.#leaveAt = after(now, LEAVE_AFTER_MS)
        this.#udp = 'works'
        this.#silentAt = undefined
        break
      case 'socketOpened':
        this.#opened(input)
        break
      case 'socketClosed':
        this.#ended(input.url, now)
        break
    }
    this.wake(now)
  }

  wake(now: Instant): void {
    if (this.#silentAt !== undefined && this.#silentAt <= now) {
      this.#silentAt = undefined
      this.#leaveAt = undefined
      this.#udp = 'blocked'
    }
    if (this.#udp === 'blocked') this.#openAll(now)
    if (this.#leaveAt !== undefined && this.#leaveAt <= now) this.#leave(now)
  }

  poll(): RelaySocketsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    const at = (when: Instant | undefined, reason: string) => (when === undefined ? undefined : { at: when, reason })
    const retries =
      this.#udp === 'blocked'
        ? [...this.#sockets.values()].map(({ state, retryAt }) =>
            state === 'waiting' ? at(retryAt, 'open a WebSocket again') : undefined,
          )
        : []
    return earliest(at(this.#silentAt, 'UDP is silent'), at(this.#leaveAt, 'leave WebSockets'), ...retries)
  }

  /** Begins to wait for an answer over UDP; what is known of it counts until there is none. */
  #begin(now: Instant, silenceMs = SILENT_AFTER_MS): void {
    if (this.#udp === 'works') this.#udp = 'unknown'
    this.#silentAt = undefined
    this.#listen(now, silenceMs)
  }

  #listen(now: Instant, silenceMs = SILENT_AFTER_MS): void {
    if (this.#canTell && this.#udp !== 'blocked') this.#silentAt ??= after(now, silenceMs)
  }

  #openAll(now: Instant): void {
    for (const url of this.#urls) {
      const known = this.#sockets.get(url)
      if (known !== undefined && (known.state !== 'waiting' || known.retryAt > now)) continue
      const retryMs = known === undefined ? FIRST_RETRY_MS : Math.min(2 * known.retryMs, MAX_RETRY_MS)
      this.#sockets.set(url, { state: 'opening', endpoint: undefined, retryAt: now, retryMs })
      this.#outputs.push({ type: 'openSocket', url })
    }
  }

  #opened({ url, endpoint }: RelaySocketsInput & { type: 'socketOpened' }): void {
    const socket = this.#sockets.get(url)
    if (socket === undefined) return
    this.#sockets.set(url, { ...socket, state: 'open', endpoint, retryMs: FIRST_RETRY_MS })
    this.#outputs.push({ type: 'socketsChanged' })
  }

  #ended(url: string, now: Instant): void {
    const socket = this.#sockets.get(url)
    if (socket === undefined) return
    this.#sockets.set(url, { ...socket, state: 'waiting', endpoint: undefined, retryAt: after(now, socket.retryMs) })
    if (socket.endpoint !== undefined) this.#outputs.push({ type: 'socketsChanged' })
  }

  /** Closes the WebSockets that no path needs any more, and looks again for the others. */
  #leave(now: Instant): void {
    this.#leaveAt = undefined
    for (const [url, { endpoint }] of this.#sockets) {
      if (endpoint !== undefined && this.#isInUse(endpoint)) this.#leaveAt = after(now, LEAVE_AFTER_MS)
      else this.#close(url)
    }
  }

  #close(url: string): void {
    const socket = this.#sockets.get(url)
    this.#sockets.delete(url)
    this.#outputs.push({ type: 'closeSocket', url })
    if (socket?.endpoint !== undefined) this.#outputs.push({ type: 'socketsChanged' })
  }
}
