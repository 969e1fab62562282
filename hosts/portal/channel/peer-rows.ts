import { toBase64 } from '../../../core/crypto/text-encoding.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { uuid, type Random } from '../../../core/runtime/random.ts'
import type { Client, Gateway, Token } from '../store/entities.ts'
import type { Limits } from '../grants/limits.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { View } from '../decide/view.ts'
import type { Store, Transaction } from '../store/store.ts'
import type { ConnectRequest } from './connect-request.ts'
import { versionOf } from '../decide/user-agent.ts'
import { deviceKeyAfter } from '../decide/device-standing.ts'
import type { Census } from '../grants/census.ts'
import { roomForDevice, roomForGateway } from './device-room.ts'
import { alreadyConnected, Refusal } from './refusal.ts'

export interface PeerRowsOptions {
  store: Store
  clock: Clock
  random: Random
  limits: Limits
  census: Census
  logger: Logger
  /** Rows in memory, as of the last commit. */
  view: Pick<View, 'get' | 'clientsOf'>
}

/** A connect request whose device signature was verified. */
export interface CheckedRequest extends ConnectRequest {
  /** Device public key (base64) that the connect proved; null if it had no signature. */
  deviceKey: string | null
}

/** Whether the peer of a row may still connect; asked right before its row is changed. */
export type MayEnter = (peerId: string) => boolean

/** Finds or creates the row of a connecting peer, and updates its public key and version. */
export class PeerRows {
  readonly #store: Store
  readonly #clock: Clock
  readonly #random: Random
  readonly #limits: Limits
  readonly #census: Census
  readonly #logger: Logger
  readonly #view: PeerRowsOptions['view']

  constructor({ store, clock, random, limits, census, logger, view }: PeerRowsOptions) {
    this.#logger = logger
    this.#view = view
    this.#limits = limits
    this.#census = census
    this.#store = store
    this.#clock = clock
    this.#random = random
  }

  /** Returns the peer's row from an earlier connect, if any. */
  async known(token: Token, { role, externalId }: ConnectRequest): Promise<Client | Gateway | undefined> {
    const { accountId, actorId, siteId } = token
    const reader = this.#store.reader(accountId)
    const inMemory = role === 'client' && actorId !== null ? this.#clientInMemory(actorId, externalId) : undefined
    if (inMemory !== undefined) return inMemory
    if (role === 'client') {
      if (actorId === null) return undefined
      return (await reader.list('clients', { where: { actorId, externalId }, limit: 1 }))[0]
    }
    if (siteId === null) return undefined
    return (await reader.list('gateways', { where: { siteId, externalId }, limit: 1 }))[0]
  }

  /** Finds or creates the row of a client. @throws Refusal device_identity_conflict, limits_exceeded */
  async client(token: Token, request: CheckedRequest, mayEnter: MayEnter): Promise<Client> {
    const { accountId, actorId } = token
    if (actorId === null) throw new Refusal('invalid_token')
    const inMemory = this.#clientInMemory(actorId, request.externalId)
    if (inMemory !== undefined && this.#isAsBefore(inMemory, request)) {
      if (!mayEnter(inMemory.id)) throw alreadyConnected('client')
      return this.#noteSeen(inMemory, token, request)
    }
    const subject = { type: 'client' as const, clientId: uuid(this.#random), ...from(token, request) }
    return this.#store.transact({ accountId, by: subject }, async (tx) => {
      const [known] = await tx.list('clients', { where: { actorId, externalId: request.externalId }, limit: 1 })
      const freshId = subject.clientId
      if (known !== undefined) subject.clientId = known.id
      // Checked before the row changes: a second process must not replace the key of the one that is connected.
      if (known !== undefined && !mayEnter(known.id)) throw alreadyConnected('client')
      await refuseForeignKey(tx, request)
      const now = this.#clock.unix()
      const device = deviceKeyAfter(known, request.deviceKey)
      const proven = { ...device, ...(device.isProven ? { provenAt: now } : {}) }
      if (known !== undefined) {
        return (await tx.patch('clients', known.id, { ...this.#seen(request), ...proven })) ?? known
      }
      await roomForDevice(tx, { accountId, actorId, census: this.#census, limits: this.#limits, now })
      return tx.insert('clients', {
        id: freshId,
        actorId,
        provenAt: null,
        ...proven,
        verifiedAt: null,
        acceptsUnproven: false,
        ...(await this.#fresh(tx, request)),
      })
    })
  }

  /** Returns a client's row by its actor and external id from memory, which has it unless another process is ahead. */
  #clientInMemory(actorId: string, externalId: string): Client | undefined {
    if (this.#store.isShared) return undefined
    for (const id of this.#view.clientsOf(actorId)) {
      const client = this.#view.get('clients', id)
      if (client?.externalId === externalId) return client
    }
    return undefined
  }

  /** Whether a client comes as its row describes it, so that nothing has to be decided in the database. */
  #isAsBefore(known: Client, { publicKey, deviceKey: shown }: CheckedRequest): boolean {
    const { deviceKey, isProven } = deviceKeyAfter(known, shown)
    return known.publicKey === publicKey && known.deviceKey === deviceKey && known.isProven === isProven
  }

  /** Has a client's last connect written down beside its join, which does not wait for that. */
  #noteSeen(known: Client, token: Token, request: CheckedRequest): Client {
    const { id: clientId, accountId } = known
    const by = { type: 'client' as const, clientId, ...from(token, request) }
    const seen = { ...this.#seen(request), ...(known.isProven ? { provenAt: this.#clock.unix() } : {}) }
    this.#store
      .transact({ accountId, by }, (tx) => tx.patch('clients', clientId, seen))
      .catch((error: unknown) => this.#logger.warn({ error, clientId }, 'noting the connect of a client failed'))
    return known
  }

  /**
   * Finds or creates the row of a gateway in the token's site.
   * @throws Refusal gateway_already_connected, device_identity_conflict, limits_exceeded
   */
  async gateway(token: Token, request: ConnectRequest, mayEnter: MayEnter): Promise<Gateway> {
    const { accountId, siteId, gatewayId } = token
    if (siteId === null) throw new Refusal('invalid_token')
    const subject = { type: 'gateway' as const, gatewayId: uuid(this.#random), ...from(token, request) }
    return this.#store.transact({ accountId, by: subject }, async (tx) => {
      const [known] = await tx.list('gateways', { where: { siteId, externalId: request.externalId }, limit: 1 })
      const freshId = subject.gatewayId
      if (known !== undefined) subject.gatewayId = known.id
      // A token bound to one gateway cannot register another.
      if (gatewayId !== null && known?.id !== gatewayId) throw new Refusal('device_identity_conflict')
      if (known !== undefined && !mayEnter(known.id)) throw alreadyConnected('gateway')
      await refuseForeignKey(tx, request)
      if (known !== undefined)
        return (
          (await tx.patch('gateways', known.id, { ...this.#seen(request), isEphemeral: request.isEphemeral })) ?? known
        )
      roomForGateway({ siteId, census: this.#census, limits: this.#limits })
      return tx.insert('gateways', {
        id: freshId,
        siteId,
        isEphemeral: request.isEphemeral,
        presentAt: null,
        ...(await this.#fresh(tx, request)),
      })
    })
  }

  #seen({ publicKey, userAgent }: ConnectRequest): Pick<Client, 'publicKey' | 'lastSeenAt' | 'lastSeenVersion'> {
    return { publicKey, lastSeenAt: this.#clock.unix(), lastSeenVersion: versionOf(userAgent) || null }
  }

  async #fresh(tx: Transaction, request: ConnectRequest) {
    const { externalId, name } = request
    const pskBase = toBase64(this.#random.bytes(32))
    return { externalId, name, pskBase, ...(await tx.allocateAddresses()), ...this.#seen(request) }
  }
}

/**
 * Refuses a public key that another device has: gateways would take the new device for that one. One device may use the
 * same key under several actors.
 */
const refuseForeignKey = async (tx: Transaction, { publicKey, externalId }: ConnectRequest): Promise<void> => {
  const owners = [
    ...(await tx.list('clients', { where: { publicKey } })),
    ...(await tx.list('gateways', { where: { publicKey } })),
  ]
  if (owners.some((owner) => owner.externalId !== externalId)) throw new Refusal('device_identity_conflict')
}

/** Returns the token and address of a connect, for the audit trail. */
const from = ({ id: tokenId }: Token, { remoteIp }: ConnectRequest) => ({
  tokenId,
  ...(remoteIp === undefined ? {} : { remoteIp }),
})
