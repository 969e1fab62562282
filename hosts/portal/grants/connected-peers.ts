import { wireName } from '../../../core/control/events.ts'
import { encodeFrame, type Frame } from '../../../core/control/frame.ts'
import type { EventName, FromPortal, Role } from '../../../core/control/messages.ts'
import { MultiMap } from '../decide/multi-map.ts'
import type { Presence } from '../decide/presence.ts'
import { withFormerSiteNames } from '../wire/former-site-names.ts'
import type { ClientConnection, Connection, GatewayConnection } from './connections.ts'
import type { Emit } from './portal-output.ts'

/** Connections of clients and gateways, and methods to send messages on them. */
export class ConnectedPeers {
  readonly #presence: Presence
  readonly #emit: Emit
  readonly #connections = new Map<string, Connection>()
  readonly #ofPeer = new MultiMap<string, Connection>()
  readonly #ofToken = new MultiMap<string, Connection>()

  constructor({ presence, emit }: { presence: Presence; emit: Emit }) {
    this.#presence = presence
    this.#emit = emit
  }

  add(connection: Connection): void {
    this.#connections.set(connection.connection, connection)
    this.#ofPeer.add(connection.peerId, connection)
    this.#ofToken.add(connection.tokenId, connection)
  }

  remove(name: string): void {
    const connection = this.#connections.get(name)
    if (connection === undefined) return
    this.#connections.delete(name)
    this.#ofPeer.delete(connection.peerId, connection)
    this.#ofToken.delete(connection.tokenId, connection)
  }

  /** Returns a connection by its name, joined or not. */
  get(name: string): Connection | undefined {
    return this.#connections.get(name)
  }

  /** Iterates over all connections, joined or not. */
  all(): IterableIterator<Connection> {
    return this.#connections.values()
  }

  /** Returns all connections of a client or gateway, joined or not. */
  ofPeer(peerId: string): ReadonlySet<Connection> {
    return this.#ofPeer.get(peerId)
  }

  /** Returns all connections made with a token, joined or not. */
  ofToken(tokenId: string): ReadonlySet<Connection> {
    return this.#ofToken.get(tokenId)
  }

  /** Returns the connection with which a client has joined. */
  client(clientId: string): ClientConnection | undefined {
    return this.#connections.get(this.#presence.clientConnection(clientId) ?? '') as ClientConnection | undefined
  }

  /** Returns the connection with which a gateway has joined. */
  gateway(gatewayId: string): GatewayConnection | undefined {
    return this.#connections.get(this.#presence.gatewayConnection(gatewayId) ?? '') as GatewayConnection | undefined
  }

  /** Sends a message in the peer's dialect; does nothing if the dialect has no such message. */
  tell<R extends Role>(connection: Connection & { role: R }, message: FromPortal<R>): void {
    const { role, dialect } = connection
    const event = wireName({ role, direction: 'fromPortal', dialect }, message.event as EventName<R, 'fromPortal'>)
    if (event === undefined) return
    const payload = connection.knowsSites ? message.payload : withFormerSiteNames(message)
    this.tellFrame(connection, { topic: role, event, payload, ref: null })
  }

  tellFrame({ connection }: Connection, frame: Frame): void {
    this.#emit({ type: 'sendText', connection, text: encodeFrame(frame) })
  }

  /** Answers a frame; does nothing for a push, which has no ref. */
  reply(connection: Connection, frame: Frame): void {
    if (frame.ref !== null) this.tellFrame(connection, frame)
  }

  /** Sends a message to a client; returns false if it is not connected. */
  tellClient(clientId: string, message: FromPortal<'client'>): boolean {
    const connection = this.client(clientId)
    if (connection !== undefined) this.tell(connection, message)
    return connection !== undefined
  }

  /** Sends a message to a gateway; returns false if it is not connected. */
  tellGateway(gatewayId: string, message: FromPortal<'gateway'>): boolean {
    const connection = this.gateway(gatewayId)
    if (connection !== undefined) this.tell(connection, message)
    return connection !== undefined
  }

  /** Closes a connection after everything sent before. */
  close(connection: Connection, reason: string): void {
    connection.isClosing = true
    this.#emit({ type: 'closeConnection', connection: connection.connection, reason })
  }
}
