// The relay in a portal's own process, at the STUN server's port. One command then needs no further server.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { accountOfUsername } from '../../../core/crypto/relay-credentials.ts'
import { toBase64Url } from '../../../core/crypto/text-encoding.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { splitEndpoint, type Endpoint, type Family } from '../../../core/runtime/endpoint.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { NetworkInterfaces } from '../../../core/runtime/network-interfaces.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import { RelayServer, type RelayNumbers } from '../../relay/relay-server.ts'
import { allocationLimits, byFamily } from '../../relay/relay-settings.ts'
import { RelayWebSockets } from '../../relay/relay-web-sockets.ts'
import { stampedPasswords } from '../../relay/stamped-passwords.ts'
import { parseNetwork } from '../../runtime/permitted-addresses.ts'
import { sharedByAccounts, type EmbeddedRelayConfig } from './embedded-relay-config.ts'
import { LISTEN_REMEDY } from './stun-server.ts'

/** Relay in this process, for the registry of relays. */
export interface OwnRelay {
  id: string
  name: string
  ipv4?: string
  ipv6?: string
  port: number
  stampSecret: string
  websocketUrl: string
  isHere: true
}

export interface EmbeddedRelayOptions {
  config: EmbeddedRelayConfig
  listen: readonly string[]
  port: number
  clock: Clock
  random: Random
  logger: Logger
  interfaces: NetworkInterfaces
  /** URL of the portal's own WebSocket for peers whose network lets no UDP through. */
  websocketUrl: string
  /** Returns the address that a request comes from. */
  sourceOf: (request: IncomingMessage) => string
  /** Registers the relay, so that peers are offered it; it is called again when its addresses have changed. */
  register: (relay: OwnRelay) => { gone: () => void }
}

/** TURN server in a portal's process, which answers STUN requests as well. */
export class EmbeddedRelay implements Startable {
  readonly #options: EmbeddedRelayOptions
  readonly #server: RelayServer
  readonly #webSockets: RelayWebSockets
  readonly #id: string
  readonly #stampSecret: string
  #registration: { gone: () => void } | undefined
  #addresses: Partial<Record<Family, string>>
  #known = ''

  constructor(options: EmbeddedRelayOptions) {
    const { config, clock, random } = options
    this.#options = options
    this.#id = uuid(random)
    this.#stampSecret = toBase64Url(random.bytes(32))
    this.#addresses = byFamily(config.addresses)
    this.#server = new RelayServer({
      ...options,
      addresses: this.#addresses,
      relayedPorts: config.relayed_ports,
      permittedPeers: config.permitted_peers.flatMap((text) => parseNetwork(text) ?? []),
      limits: allocationLimits(sharedByAccounts(config)),
      passwordOf: stampedPasswords(this.#stampSecret, clock),
      accountOf: (username) => accountOfUsername({ username, stampSecret: this.#stampSecret }),
      listenRemedy: LISTEN_REMEDY,
    })
    const { sourceOf } = options
    this.#webSockets = new RelayWebSockets({ attach: (stream) => this.#server.attachStream(stream), clock, sourceOf })
  }

  /** UDP port of the first socket; undefined before the start. */
  get port(): number | undefined {
    return this.#server.port
  }

  get numbers(): RelayNumbers {
    return this.#server.numbers
  }

  /** Returns the number of STUN requests by outcome, as a STUN server does. */
  counters(): Readonly<Record<string, number>> {
    const { 'answered-binding': answered = 0, ...others } = this.numbers.outcomes
    return { answered, ...others }
  }

  /** Binds the sockets, and registers the relay where its addresses are configured. @throws OperatorError RELAY_LISTEN_FAILED */
  start(): void {
    this.#server.start()
    this.#register()
  }

  stop(): void {
    this.#registration?.gone()
    this.#webSockets.closeAll()
    this.#server.stop()
  }

  /** Takes the endpoints of the STUN server, at which the relay is as well, unless its configuration names addresses. */
  setServers(servers: readonly Endpoint[]): void {
    if (this.#options.config.addresses.length > 0) return
    this.#addresses = byFamily(servers.flatMap((server) => splitEndpoint(server)?.address ?? []))
    this.#server.setAddresses(this.#addresses)
    this.#register()
  }

  /** Handles a WebSocket upgrade: adds a client, or refuses it. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#webSockets.upgrade(request, socket, head)
  }

  #register(): void {
    const { config, port, register, websocketUrl } = this.#options
    const known = JSON.stringify(this.#addresses)
    if (known === this.#known || Object.keys(this.#addresses).length === 0) return
    this.#known = known
    // Replaces an earlier registration, which has the same id, without a gap.
    this.#registration = register({
      id: this.#id,
      name: 'portal',
      ...this.#addresses,
      port,
      stampSecret: this.#stampSecret,
      websocketUrl: config.websocket_url ?? websocketUrl,
      isHere: true,
    })
  }
}
