import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { MAX_FRAME_TO_PORTAL_CHARACTERS } from '../../../core/control/frame.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { ProcessConnect } from '../../../core/control/process-header.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { integerBelow, type Random } from '../../../core/runtime/random.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'
import type { Rate } from '../../../core/runtime/token-bucket.ts'
import { DEFAULT_LIMITS, type Limits } from '../grants/limits.ts'
import type { Client, Gateway, Token } from '../store/entities.ts'
import type { Tokens } from '../identity/tokens.ts'
import type { ClientAddress } from '../origin/client-address.ts'
import { RateLimiter, sourceOf } from '../../../core/net/rate-limiter.ts'
import { provenKey, readConnectRequest, type ConnectRequest } from './connect-request.ts'
import type { AdmittedPeer } from '../grants/connections.ts'
import { isUnproven } from '../decide/device-standing.ts'
import type { CheckedRequest, PeerRows } from './peer-rows.ts'
import { alreadyConnected, Refusal, refuse, type RefusalCode } from './refusal.ts'
import { refusalOf, refusalOfToken } from './refusal-causes.ts'
import type { SeatedConnection } from '../grants/seated.ts'
import { SocketBounds, type SocketOwner } from './socket-bounds.ts'
import { Seats, type SeatVerdict } from './seats.ts'

export interface EndpointOptions {
  tokens: Pick<Tokens, 'verify' | 'isGenuine'>
  rows: Pick<PeerRows, 'known' | 'client' | 'gateway'>
  clock: Clock
  random: Random
  logger: Logger
  clientAddress: ClientAddress
  /** Rate limit of refused connects per IP address; those beyond are told to try again later. */
  connectLimit: Rate
  /** Limits on connections and devices; the configuration's defaults if absent. */
  limits?: Limits
  /** Makes an account known to the portal's machine before its first peer connects. */
  prepare: (accountId: string) => Promise<void>
  /** Returns the present connection of a client or gateway, if any. */
  seated: (peerId: string) => SeatedConnection | undefined
  /** Called when a second process with the identity of a connected peer is refused. */
  onContested: (contest: Contest) => void
  onConnected: (peer: AdmittedPeer) => void
  onFrame: (connection: string, text: string) => void
  onDisconnected: (connection: string) => void
}

/** Two processes that use the identity of one peer. */
export interface Contest {
  role: 'client' | 'gateway'
  peerId: string
  name: string
  /** IP address of the process that stays connected; `refused` is that of the other. */
  stays: string
  refused: string
}

/** Burst of connects that one peer may make, in minutes of its sustained rate. */
const BURST_MINUTES = 5
/** Time for a peer to answer a closing handshake before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 2 * SECOND
/**
 * Time from an upgrade request to the end of its answer, after which the socket is destroyed: bounds peers that do not
 * read and a database that does not answer.
 */
const ARRIVAL_TIMEOUT_MS = 20 * SECOND
/** Retry interval for a peer refused because there are too many connections. */
const FULL_RETRY_SECONDS = 60

/** WebSocket server of the control channel: admits or refuses peers, and carries their frames. */
export class ControlEndpoint {
  readonly #options: EndpointOptions
  readonly #limiter: RateLimiter
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: MAX_FRAME_TO_PORTAL_CHARACTERS,
    // Pings are answered below, within limits: otherwise pongs would pile up for a peer that pings and does not read.
    autoPong: false,
  })
  readonly #sockets = new Map<string, WebSocket>()
  readonly #processes = new Map<string, ProcessConnect>()
  readonly #seats: Seats
  readonly #bounds: SocketBounds
  readonly #peerLimiter: RateLimiter
  /** Sockets whose upgrade request is neither granted nor refused yet. */
  readonly #arriving = new Set<Duplex>()
  readonly #refused: Partial<Record<RefusalCode, number>> = {}
  #opened = 0
  #isClosed = false

  constructor(options: EndpointOptions) {
    this.#options = options
    this.#limiter = new RateLimiter(options.connectLimit)
    const { clock, seated, limits = DEFAULT_LIMITS } = options
    this.#bounds = new SocketBounds(limits, clock)
    const perMinute = limits.connects_per_minute
    this.#peerLimiter = new RateLimiter({ perSecond: perMinute / 60, burst: BURST_MINUTES * perMinute })
    this.#seats = new Seats({
      clock,
      seated,
      socketOf: (connection) => this.#sockets.get(connection),
      processOf: (connection) => this.#processes.get(connection),
    })
  }

  send(connection: string, text: string): void {
    const socket = this.#sockets.get(connection)
    if (socket === undefined || socket.readyState !== socket.OPEN) return
    if (this.#bounds.maySend(socket, text.length)) socket.send(text)
  }

  /** Closes a connection after everything sent before. */
  close(connection: string, reason: string): void {
    const socket = this.#sockets.get(connection)
    if (socket === undefined) return
    socket.close(1000, reason.slice(0, 100))
    const { clock } = this.#options
    const cancel = clock.wake(after(clock.now(), CLOSE_TIMEOUT_MS), () => socket.terminate())
    socket.once('close', cancel)
  }

  /** Ends all connections because the portal stops; peers reconnect by themselves. */
  closeAll(): void {
    this.#isClosed = true
    for (const socket of this.#arriving) socket.destroy()
    for (const socket of this.#sockets.values()) {
      socket.close(1001, 'the portal stops')
      socket.terminate()
    }
  }

  /** Returns the number of refused connects by code. */
  refusals(): Readonly<Partial<Record<RefusalCode, number>>> {
    return this.#refused
  }

  /** Number of connections closed because the peer did not read. */
  get cutOff(): number {
    return this.#bounds.cutOff
  }

  /** Handles a WebSocket upgrade of an HTTP server: admits the peer, or refuses it. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    const arrived = this.#watchArrival(socket)
    try {
      const { owner, process, ...peer } = await this.#admit(request)
      if (this.#isClosed) throw new Refusal('rate_limit', { retryAfterSeconds: 1 })
      arrived()
      this.#webSockets.handleUpgrade(request, socket, head, (opened) => {
        this.#bounds.add(opened, owner)
        if (process !== undefined) this.#processes.set(peer.connection, process)
        this.#open(opened, peer)
      })
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal.code === 'unhandled_connect_error')
        this.#options.logger.error({ error }, 'a peer could not connect: unexpected error')
      this.#refused[refusal.code] = (this.#refused[refusal.code] ?? 0) + 1
      refuse(socket, refusal)
    }
  }

  /** Destroys the socket if its upgrade takes too long. Returns a function that ends this watch. */
  #watchArrival(socket: Duplex): () => void {
    const { clock } = this.#options
    const cancel = clock.wake(after(clock.now(), ARRIVAL_TIMEOUT_MS), () => socket.destroy())
    this.#arriving.add(socket)
    const arrived = (): void => {
      cancel()
      this.#arriving.delete(socket)
    }
    socket.once('close', arrived)
    return arrived
  }

  async #admit(request: IncomingMessage): Promise<Admitted> {
    const { clientAddress, clock } = this.#options
    if (this.#isClosed) throw new Refusal('rate_limit', { retryAfterSeconds: 1 })
    const remoteIp = clientAddress({
      socketAddress: request.socket.remoteAddress,
      forwardedFor: request.headers['x-forwarded-for'],
    })
    const asked = this.#read(request, remoteIp)
    const verdict = await this.#options.tokens.verify(asked.token, asked.role)
    if (!verdict.ok) {
      // Others were counted already.
      if (verdict.genuine !== undefined || verdict.reason === 'wrong_secret') this.#limit(remoteIp)
      throw refusalOfToken(verdict, asked.role)
    }
    await this.#options.prepare(verdict.account.id)
    const { accountId, actorId } = verdict.token
    const owner = { role: asked.role, accountId, actorId }
    const excess = this.#bounds.refusal(owner)
    if (excess !== undefined) {
      throw new Refusal('limits_exceeded', {
        retryAfterSeconds: FULL_RETRY_SECONDS,
        reason: 'connections',
        detail: excess,
      })
    }
    const wanted = { ...asked, deviceKey: provenKey(asked, clock.unix()) }
    const seat = await this.#claimSeat(verdict.token, wanted, remoteIp)
    this.#limitConnects(verdict.token, wanted)
    const row = await this.#row(verdict.token, wanted, seat)
    const peerId = row.id
    const isProven = 'isProven' in row && row.isProven
    if ('isProven' in row && isUnproven(row)) this.#noteUnproven(row, { wanted, remoteIp })
    const { role, dialect, publicKey, userAgent, transport, product } = wanted
    const connection = `${role}-${++this.#opened}`
    const { replaces } = seat
    const peer = {
      connection,
      role,
      dialect,
      peerId,
      tokenId: verdict.token.id,
      publicKey,
      isProven,
      remoteIp,
      userAgent,
      transport,
      product,
    }
    return { ...peer, owner, process: wanted.process, ...(replaces === undefined ? {} : { replaces }) }
  }

  /**
   * Reads the request. Limits those of an address that have no token of this portal: whoever has one is limited by
   * device, since a thousand devices of an office may come back at once from one address. @throws Refusal
   */
  #read({ url, headers }: IncomingMessage, remoteIp: string): ConnectRequest & { remoteIp: string } {
    try {
      const asked = readConnectRequest({ url: url ?? '', headers })
      if (!this.#options.tokens.isGenuine(asked.token)) this.#limit(remoteIp)
      return { ...asked, remoteIp }
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'rate_limit') this.#limit(remoteIp)
      throw error
    }
  }

  /** Counts a connect of an address. @throws Refusal rate_limit */
  #limit(remoteIp: string): void {
    const { clock, random } = this.#options
    const limit = this.#limiter.take(sourceOf(remoteIp), clock.now())
    if (limit.ok) return
    const seconds = Math.max(1, limit.retryAfterSeconds)
    // Spread, so that those who were refused at once do not come back at once.
    throw new Refusal('rate_limit', { retryAfterSeconds: seconds + integerBelow(random, 1 + Math.min(seconds, 30)) })
  }

  /** Claims the peer's seat. @throws Refusal if another process holds it and answers */
  async #claimSeat(token: Token, wanted: CheckedRequest, remoteIp: string): Promise<FreeSeat> {
    const { rows, onContested } = this.#options
    const known = await rows.known(token, wanted)
    if (known === undefined) return { isTaken: false }
    const seat = await this.#seats.claim(known.id, {
      outranks: outranksSeated(known, wanted),
      process: wanted.process,
    })
    if (!seat.isTaken) return seat
    const { role } = wanted
    onContested({ role, peerId: known.id, name: known.name, stays: seat.by.remoteIp, refused: remoteIp })
    throw alreadyConnected(role)
  }

  /** Limits how often one peer may connect, because each connect writes its row. @throws Refusal rate_limit */
  #limitConnects({ actorId, siteId }: Token, { externalId }: CheckedRequest): void {
    const turn = this.#peerLimiter.take(`${actorId ?? siteId ?? ''} ${externalId}`, this.#options.clock.now())
    if (turn.ok) return
    throw new Refusal('rate_limit', {
      retryAfterSeconds: turn.retryAfterSeconds,
      detail: 'This device connects too often: try again later (limits.connects_per_minute)',
    })
  }

  async #row(token: Token, wanted: CheckedRequest, seat: FreeSeat): Promise<Client | Gateway> {
    const { rows } = this.#options
    const mayEnter = (peerId: string): boolean => this.#seats.isStillFree(peerId, seat)
    return wanted.role === 'client' ? rows.client(token, wanted, mayEnter) : rows.gateway(token, wanted, mayEnter)
  }

  #noteUnproven({ id, name }: Client, { wanted, remoteIp }: { wanted: CheckedRequest; remoteIp: string }): void {
    const showed = wanted.deviceKey === null ? 'no key' : 'another key'
    this.#options.logger.info(
      { id, name, remoteIp, showed },
      'a device connected as a verified one without proving its key: it counts as not verified',
    )
  }

  #open(socket: WebSocket, peer: AdmittedPeer): void {
    const { connection } = peer
    this.#sockets.set(connection, socket)
    socket.on('error', () => socket.terminate())
    socket.on('ping', (data: Buffer) => {
      if (this.#bounds.maySend(socket, data.length)) socket.pong(data)
    })
    socket.on('close', () => {
      this.#sockets.delete(connection)
      this.#processes.delete(connection)
      this.#options.onDisconnected(connection)
    })
    socket.on('message', (data: RawData, isBinary) => {
      // The protocol is text; binary frames are ignored.
      if (!isBinary && Buffer.isBuffer(data)) this.#options.onFrame(connection, data.toString('utf8'))
    })
    this.#options.onConnected(peer)
  }
}

type Admitted = AdmittedPeer & { owner: SocketOwner; process: ProcessConnect | undefined }

type FreeSeat = SeatVerdict & { isTaken: false }

/**
 * Whether this device proves the key of the row while the row's last connection did not: then it takes the seat, so
 * that a copied external id locks nobody out.
 */
const outranksSeated = (known: Client | Gateway, { deviceKey }: CheckedRequest): boolean =>
  'deviceKey' in known && deviceKey !== null && known.deviceKey === deviceKey && !known.isProven
