import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { encodeFrame } from '../../../core/control/frame.ts'
import { RELAY_TOPIC } from '../../../core/control/relay-messages.ts'
import { hashedUuid } from '../../../core/crypto/hashed-uuid.ts'
import { Counters } from '../../../core/runtime/counters.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { after, SECOND } from '../../../core/runtime/time.ts'
import type { Rate } from '../../../core/runtime/token-bucket.ts'
import { Refusal, refuse, type RefusalCode } from '../channel/refusal.ts'
import { refusalOf, refusalOfToken } from '../channel/refusal-causes.ts'
import type { Tokens } from '../identity/tokens.ts'
import type { ClientAddress } from '../origin/client-address.ts'
import { RateLimiter, sourceOf } from '../../../core/net/rate-limiter.ts'
import type { Change, Rows, Token } from '../store/entities.ts'
import type { Store } from '../store/store.ts'
import { RelayChannel, type RelayChannelOutput } from './relay-channel.ts'
import type { RegistrationHandle, RelayRegistry } from './relay-registry.ts'
import { readRelayRequest, type RelayRequest } from './relay-request.ts'

export interface RelayEndpointOptions {
  tokens: Pick<Tokens, 'verify'>
  store: Pick<Store, 'subscribe'>
  registry: Pick<RelayRegistry, 'registered' | 'isWatched'>
  clock: Clock
  logger: Logger
  clientAddress: ClientAddress
  /** Rate limit of connects per IP address. */
  connectLimit: Rate
  /** Whether relays may be at an address. */
  permits: (address: string) => boolean
}

/** A connected relay, or one whose connection has just ended. */
interface Registered {
  socket: WebSocket
  token: Token
  registration: RegistrationHandle | undefined
}

/** Maximum of relays of one account. */
const MAX_OF_ACCOUNT = 64
/** Rate of connects with one token and name: a relay that is told to go tries once a second. */
const RELAY_RATE: Rate = { perSecond: 0.1, burst: 20 }
/** Longest message from a relay, in bytes. */
const MAX_MESSAGE_BYTES = 16_384
/** Bytes buffered for a relay that does not read, after which its connection is cut. */
const MAX_UNREAD_BYTES = 65_536
const ARRIVAL_TIMEOUT_MS = 20 * SECOND
const CLOSE_TIMEOUT_MS = 2 * SECOND
/**
 * Time for which a relay whose connection ended stays registered: it serves on, and comes back from a short trouble of the
 * network. If it does not, its probes tell.
 */
const GRACE_MS = 60 * SECOND
const FULL_RETRY_SECONDS = 60

/** WebSocket server of the channel for relays: lets those with a relay token register, while they are connected. */
export class RelayEndpoint implements Startable {
  readonly #options: RelayEndpointOptions
  readonly #limiter: RateLimiter
  readonly #relayLimiter = new RateLimiter(RELAY_RATE)
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
    autoPong: false,
  })
  readonly #relays = new Set<Registered>()
  readonly #refused = new Counters<RefusalCode>()
  #unsubscribe: (() => void) | undefined
  #isClosed = false

  constructor(options: RelayEndpointOptions) {
    this.#options = options
    this.#limiter = new RateLimiter(options.connectLimit)
  }

  start(): void {
    this.#unsubscribe = this.#options.store.subscribe({
      changed: (changes) => this.#follow(changes),
      reloaded: (rows) => this.#compare(rows),
    })
  }

  stop(): void {
    this.#isClosed = true
    this.#unsubscribe?.()
    for (const { socket } of this.#relays) {
      socket.close(1001, 'the portal stops')
      socket.terminate()
    }
  }

  /** Returns the number of refused connects by code. */
  refusals(): Readonly<Record<string, number>> {
    return this.#refused.snapshot()
  }

  /** Handles an upgrade request to the path of the channel for relays. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { clock, logger } = this.#options
    socket.on('error', () => socket.destroy())
    const arrived = clock.wake(after(clock.now(), ARRIVAL_TIMEOUT_MS), () => socket.destroy())
    try {
      const admitted = await this.#admit(request)
      this.#webSockets.handleUpgrade(request, socket, head, (opened) => this.#open(opened, admitted))
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal.code === 'unhandled_connect_error')
        logger.error({ error }, 'a relay could not connect: unexpected error')
      this.#refused.count(refusal.code)
      refuse(socket, refusal)
    } finally {
      arrived()
    }
  }

  async #admit(request: IncomingMessage): Promise<{ wanted: RelayRequest; token: Token; from: string }> {
    const { clientAddress, clock, permits, tokens } = this.#options
    if (this.#isClosed) throw new Refusal('rate_limit', { retryAfterSeconds: 1 })
    const { headers, socket, url = '' } = request
    const from = clientAddress({ socketAddress: socket.remoteAddress, forwardedFor: headers['x-forwarded-for'] })
    limit(this.#limiter, sourceOf(from), clock)
    const wanted = readRelayRequest({ url, headers }, permits)
    const verdict = await tokens.verify(wanted.token, 'relay')
    if (!verdict.ok) throw refusalOfToken(verdict, 'relay')
    const { token } = verdict
    limit(this.#relayLimiter, `${token.id} ${wanted.name}`, clock)
    if ([...this.#relays].filter((each) => each.token.accountId === token.accountId).length >= MAX_OF_ACCOUNT) {
      throw new Refusal('limits_exceeded', {
        retryAfterSeconds: FULL_RETRY_SECONDS,
        reason: 'relays',
        detail: `The account has ${MAX_OF_ACCOUNT} relays, which is the maximum`,
      })
    }
    if (this.#isClosed) throw new Refusal('rate_limit', { retryAfterSeconds: 1 })
    return { wanted, token, from }
  }

  #open(socket: WebSocket, { wanted, token, from }: { wanted: RelayRequest; token: Token; from: string }): void {
    const { clock, logger } = this.#options
    const { name, ipv4, ipv6, port } = wanted
    const fields = { name, ipv4, ipv6, port, from }
    const relay: Registered = { socket, token, registration: undefined }
    this.#relays.add(relay)
    const channel = new RelayChannel(clock.now())
    const perform = (outputs: readonly RelayChannelOutput[]): void => {
      for (const output of outputs) {
        if (output.type === 'sendText') send(socket, output.text)
        else if (output.type === 'register') this.#register(relay, wanted, output.stampSecret)
        else this.#close(relay, output.reason)
      }
    }
    let cancel = (): void => undefined
    const watch = (): void => {
      cancel = clock.wake(channel.deadline(), () => {
        perform(channel.wake(clock.now()))
        if (socket.readyState === socket.OPEN) watch()
      })
    }
    watch()
    const cancelExpiry = this.#watchExpiry(relay)
    socket.on('error', () => socket.terminate())
    socket.on('ping', (data: Buffer) => {
      if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate()
      else socket.pong(data)
    })
    socket.on('message', (data: RawData, isBinary) => {
      if (!isBinary && Buffer.isBuffer(data)) perform(channel.received(data.toString('utf8'), clock.now()))
    })
    socket.on('close', () => {
      cancel()
      cancelExpiry()
      logger.info(fields, 'a relay’s connection ended')
      this.#left(relay)
    })
    logger.info(fields, 'a relay connected')
  }

  #register(relay: Registered, wanted: RelayRequest, stampSecret: string): void {
    const { registry, logger } = this.#options
    if (!registry.isWatched) logger.warn({ name: wanted.name }, NOT_OFFERED)
    const { token: _, ...about } = wanted
    const { accountId } = relay.token
    relay.registration?.gone()
    relay.registration = registry.registered(
      { ...about, id: relayId(accountId, stampSecret), stampSecret, accountId },
      () => {
        logger.info({ name: wanted.name }, 'a relay has registered again: its older connection ends')
        this.#drop(relay, 'newer connection of the same relay')
      },
    )
  }

  /** Ends the registration of a relay that has gone, once it had time to come back. */
  #left(relay: Registered): void {
    const { clock } = this.#options
    if (relay.registration === undefined || this.#isClosed) {
      this.#relays.delete(relay)
      return
    }
    clock.wake(after(clock.now(), GRACE_MS), () => this.#drop(relay, 'gone'))
  }

  /** Ends a relay's registration at once, and its connection. */
  #drop(relay: Registered, reason: string): void {
    relay.registration?.gone()
    relay.registration = undefined
    if (relay.socket.readyState === relay.socket.CLOSED) this.#relays.delete(relay)
    else this.#close(relay, reason)
  }

  #close({ socket }: Registered, reason: string): void {
    const { clock } = this.#options
    socket.close(1000, reason)
    const cancel = clock.wake(after(clock.now(), CLOSE_TIMEOUT_MS), () => socket.terminate())
    socket.once('close', cancel)
  }

  /** Ends a relay whose token is not valid any longer. */
  #signOut(relay: Registered): void {
    send(relay.socket, DISCONNECT)
    this.#drop(relay, 'the token is not valid any longer')
  }

  #watchExpiry(relay: Registered): () => void {
    const { clock } = this.#options
    const { expiresAt } = relay.token
    if (expiresAt === null) return () => undefined
    return clock.wake(after(clock.now(), Math.max(0, expiresAt - clock.unix())), () => this.#signOut(relay))
  }

  #follow(changes: readonly Change[]): void {
    for (const { entity, id, after: row } of changes) {
      const isOver =
        (entity === 'tokens' || entity === 'accounts') && (row === undefined || ('isDisabled' in row && row.isDisabled))
      if (!isOver) continue
      for (const relay of this.#relays) if (relay.token.id === id || relay.token.accountId === id) this.#signOut(relay)
    }
  }

  #compare({ tokens, accounts }: Rows): void {
    const valid = new Set([...tokens, ...accounts.filter(({ isDisabled }) => !isDisabled)].map(({ id }) => id))
    for (const relay of this.#relays) {
      if (!valid.has(relay.token.id) || !valid.has(relay.token.accountId)) this.#signOut(relay)
    }
  }
}

/** Log line about relays that no plugin offers. */
export const NOT_OFFERED =
  'a relay has registered, and no plugin offers it to peers: list a relay provider in plugins, as config/portal.yaml does'

const DISCONNECT = encodeFrame({
  topic: RELAY_TOPIC,
  event: 'disconnect',
  payload: { reason: 'token_expired' },
  ref: null,
})

const send = (socket: WebSocket, text: string): void => {
  if (socket.readyState !== socket.OPEN) return
  if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate()
  else socket.send(text)
}

/** Counts a connect. @throws Refusal rate_limit if it is one too many */
const limit = (limiter: RateLimiter, asker: string, clock: Clock): void => {
  const turn = limiter.take(asker, clock.now())
  if (!turn.ok) throw new Refusal('rate_limit', { retryAfterSeconds: Math.max(1, turn.retryAfterSeconds) })
}

/** Returns the id that a relay has for as long as it has its stamp secret. */
const relayId = (accountId: string, stampSecret: string): string => hashedUuid(`relay ${accountId} ${stampSecret}`)
