import { flowResource } from '../../core/control/flow-resource.ts'
import type { FromPortal, ToPortal } from '../../core/control/messages.ts'
import { keyFromBase64 } from '../../core/crypto/text-encoding.ts'
import type { GatewayFlowsInput, GatewayFlowsOutput } from '../../core/flow/gateway/gateway-flows.ts'
import type { FlowResource } from '../../core/flow/flow-resource.ts'
import type { PeerTunnelsInput } from '../../core/ice/peer-tunnels-messages.ts'
import type { Machine } from '../../core/runtime/machine.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import { instantOf, SECOND, unixTime, type ClockPair, type Instant } from '../../core/runtime/time.ts'
import { OwedAnswers } from './owed-answers.ts'

/** Payload of a message of the portal, by its event. */
type Message<Event> = Extract<FromPortal<'gateway'>, { event: Event }>['payload']

export type GrantedClientsInput =
  | { type: 'grantReceived'; created: Message<'createAuthorization'> }
  | { type: 'withdrawalReceived'; rejected: Message<'rejectAccess'> }
  /** The portal has listed all grants; others end. */
  | { type: 'grantsListed'; authorizations: NonNullable<Message<'init'>['authorizations']> }
  /** The transport has taken the client of an `addTunnel`, or has refused it. */
  | { type: 'tunnelAdded' | 'tunnelRefused'; grant: ReceivedGrant }
  | Extract<GatewayFlowsOutput, { type: 'granted' | 'withdrawn' | 'removePeer' }>

export type GrantedClientsOutput =
  /** Input for the packet engine in the lane. */
  | { type: 'flowsTold'; input: GatewayFlowsInput }
  /** Add the client's tunnel, and answer with `tunnelAdded` or `tunnelRefused`. */
  | { type: 'addTunnel'; peer: Extract<PeerTunnelsInput, { type: 'peerAdded' }>; grant: ReceivedGrant }
  | { type: 'removeTunnel'; peer: string }
  | { type: 'say'; message: ToPortal<'gateway'> }
  /** Tell a client of this gateway's candidates, through the portal. */
  | { type: 'tellCandidates'; peer: string }

/** Client with a grant, for people. */
export interface GrantedClient {
  id: string
  /** Its IPv4 address in the tunnel. */
  ipv4: string
  /** E-mail address, or else name, of the person or service that uses it, if the portal tells it. */
  actor: string | undefined
}

/** Grant whose client may not have a tunnel yet. */
export interface ReceivedGrant {
  peer: string
  resource: FlowResource
  /** Undefined for a grant that never expires. */
  expiresAt: Instant | undefined
  /** Reference that the acknowledgement names. */
  ref: string
}

/**
 * Clients with a grant: adds and removes their tunnels and packet flows, and acknowledges grants and withdrawals to the
 * portal once packets are treated accordingly.
 */
export class GrantedClients implements Machine<GrantedClientsInput, GrantedClientsOutput> {
  readonly #clocksAt: (now: Instant) => ClockPair
  /** Clients with a grant by id, with their public and pre-shared keys as text. */
  readonly #clients = new Map<string, GrantedClient & { keys: string }>()
  /** Grants to acknowledge once the lane has them. */
  readonly #grants = new OwedAnswers()
  /** Clients that are to hear of this gateway's candidates again, after the next acknowledgement. */
  readonly #toldAfter = new Set<string>()
  /** Withdrawals to acknowledge once the lane has carried them out. */
  readonly #withdrawals = new OwedAnswers()
  readonly #outputs = new OutputQueue<GrantedClientsOutput>()

  /** `clocksAt` returns both clocks at an instant, to convert the portal's expiries, which are Unix times. */
  constructor({ clocksAt }: { clocksAt: (now: Instant) => ClockPair }) {
    this.#clocksAt = clocksAt
  }

  get ids(): string[] {
    return [...this.#clients.keys()]
  }

  /** Clients with a grant, for people. */
  all(): GrantedClient[] {
    return [...this.#clients.values()].map(({ id, ipv4, actor }) => ({ id, ipv4, actor }))
  }

  handle(input: GrantedClientsInput, now: Instant): void {
    switch (input.type) {
      case 'grantReceived':
        return this.#take(input.created, now)
      case 'withdrawalReceived': {
        const { client_id: peer, resource_id: resourceId, ref } = input.rejected
        if (ref !== undefined) this.#withdrawals.owe(peer, resourceId, ref)
        return this.#tellFlows({ type: 'withdrawn', peer, resourceId })
      }
      case 'grantsListed': {
        const grants = input.authorizations.map(({ client_id, resource_id, expires_at }) => ({
          peer: client_id,
          resourceId: resource_id,
          expiresAt: this.#expiry(expires_at, now),
        }))
        return this.#tellFlows({ type: 'retainOnly', grants })
      }
      case 'tunnelAdded':
        return this.#grant(input.grant)
      case 'tunnelRefused':
        return this.#forget(input.grant.peer)
      case 'granted':
        return this.#acknowledgeGrant(input)
      case 'withdrawn':
        for (const ref of this.#withdrawals.settle(input.peer, input.resourceId)) {
          this.#outputs.push({ type: 'say', message: { event: 'accessRejected', payload: { ref } } })
        }
        return
      case 'removePeer':
        return this.#forget(input.peer)
    }
  }

  wake(): void {
    // There are no deadlines: the packet engine ends what expires.
  }

  poll(): GrantedClientsOutput | undefined {
    return this.#outputs.poll()
  }

  deadline(): undefined {
    return undefined
  }

  #take(created: Message<'createAuthorization'>, now: Instant): void {
    const { client, ref } = created
    const expiresAt = this.#expiry(created.expires_at, now)
    // An expired grant is not acknowledged, so the portal chooses another gateway.
    if (expiresAt !== undefined && expiresAt <= now) return
    const publicKey = keyFromBase64(client.public_key)
    const presharedKey = keyFromBase64(client.preshared_key)
    if (publicKey === undefined || presharedKey === undefined) return
    const peer = client.id
    const keys = `${client.public_key} ${client.preshared_key}`
    const known = this.#clients.get(peer)?.keys
    // A client with another key has restarted, and its earlier grants end.
    if (known !== undefined && known !== keys) this.#forget(peer)
    // The client has been told the candidates, and needs them again only if it has left this gateway meanwhile.
    if (known === keys) this.#toldAfter.add(peer)
    if (known !== keys) this.#tellFlows({ type: 'peerAdded', peer, ipv4: client.ipv4, ipv6: client.ipv6 })
    const { actor_email: email, actor_name: name } = created.subject ?? {}
    this.#clients.set(peer, { id: peer, ipv4: client.ipv4, actor: email ?? name ?? undefined, keys })
    const { gateway_ice_credentials: local, client_ice_credentials: remote } = created
    this.#outputs.push({
      type: 'addTunnel',
      peer: { type: 'peerAdded', peer, publicKey, presharedKey, local, remote },
      grant: { peer, resource: flowResource(created.resource), expiresAt, ref },
    })
  }

  #grant({ peer, resource, expiresAt, ref }: ReceivedGrant): void {
    // Acknowledged only once the lane has the grant: a client's first packet may arrive before the message to the
    // worker.
    this.#grants.owe(peer, resource.id, ref)
    this.#tellFlows({ type: 'granted', peer, resource, expiresAt })
    // Sent before the acknowledgement, with which the portal passes them on: the client then waits for one message.
    if (!this.#toldAfter.has(peer)) this.#outputs.push({ type: 'tellCandidates', peer })
  }

  #acknowledgeGrant({ peer, resourceId }: Extract<GatewayFlowsOutput, { type: 'granted' }>): void {
    for (const ref of this.#grants.settle(peer, resourceId)) {
      this.#outputs.push({ type: 'say', message: { event: 'authorizationCreated', payload: { ref } } })
    }
    if (this.#toldAfter.delete(peer)) this.#outputs.push({ type: 'tellCandidates', peer })
  }

  /** Converts the portal's Unix seconds to an instant; undefined for a grant that never expires. */
  #expiry(seconds: number | null, now: Instant): Instant | undefined {
    return seconds === null ? undefined : instantOf(unixTime(seconds * SECOND), this.#clocksAt(now))
  }

  #forget(peer: string): void {
    if (!this.#clients.delete(peer)) return
    this.#toldAfter.delete(peer)
    this.#tellFlows({ type: 'peerRemoved', peer })
    this.#outputs.push({ type: 'removeTunnel', peer })
  }

  #tellFlows(input: GatewayFlowsInput): void {
    this.#outputs.push({ type: 'flowsTold', input })
  }
}
