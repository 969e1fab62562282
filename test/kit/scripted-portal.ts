// A minimal portal for tests of the peers, without store, policies or tokens: it grants every request unless a test
// denies the resource. Scenarios use the real portal.
import { readMessage, wireName } from '../../core/control/events.ts'
import { decodeFrame, encodeFrame, MAX_FRAME_TO_PORTAL_CHARACTERS, okReply } from '../../core/control/frame.ts'
import type { ClientResource, FromPortal, ToPortal } from '../../core/control/messages.ts'
import { iceCredentials, presharedKey } from '../../core/crypto/pair-secrets.ts'
import type { PortalSide, VirtualPortalEnd } from './virtual-control-channel.ts'

const SITE = { id: 'b10f7894-8799-4853-a6ba-ffc1530eed8f', name: 'Site' }
const FLOW_LOGS = { api_url: 'http://portal.example.org', upload_interval_secs: 0, upload_batch_size: 0 }

interface Peer {
  id: string
  side: PortalSide
  ipv4: string
  ipv6: string
}

export class ScriptedPortal implements VirtualPortalEnd {
  /** Connected clients by name. */
  readonly clients = new Map<string, Peer>()
  readonly gateways = new Map<string, Peer>()
  resources: ClientResource[] = []
  /** Reasons of denial by id of the resource. */
  readonly denied = new Map<string, string>()
  /** Findings about names that gateways have reported, in order. */
  readonly nameFindings: { domain: string; ipv4: string; ipv6: string }[] = []
  /** Whether the portal tells clients that their gateways answer DNS records of all types. */
  siteRecords = true
  /** Expiry of grants in Unix seconds, or null for never. */
  expiresAt: number | null = null
  readonly requests: {
    client: string
    resourceId: string
    connected: readonly string[]
    unreachable: readonly string[]
  }[] = []
  readonly acknowledged: string[] = []
  readonly granted = new Map<string, { clientId: string; resourceId: string }>()
  readonly #waiting = new Map<string, () => void>()
  /** Candidates of gateways that clients do not know yet, by the ids of both. */
  readonly #held = new Map<string, string[]>()
  #known = new Map<string, { id: string; number: number }>()
  refuse: { status: number; code: string } | undefined

  dns(number: number, address: string): ClientResource {
    return { id: idOf('aaaaaaaa', number), type: 'dns', name: address, address, sites: [SITE], filters: [] }
  }

  cidr(number: number, address: string): ClientResource {
    return { id: idOf('bbbbbbbb', number), type: 'cidr', name: address, address, sites: [SITE], filters: [] }
  }

  accept(side: PortalSide): { status: number; code: string } | undefined {
    if (this.refuse !== undefined) return this.refuse
    const { role, name } = side.request
    const known = this.#known.get(name) ?? { id: idOf('cccccccc', this.#known.size + 1), number: this.#known.size + 1 }
    this.#known.set(name, known)
    const peer = { id: known.id, side, ipv4: `100.64.0.${known.number}`, ipv6: `fd00:2021:1111::${known.number}` }
    ;(role === 'client' ? this.clients : this.gateways).set(name, peer)
    return undefined
  }

  closed(side: PortalSide): void {
    const { role, name } = side.request
    const peers = role === 'client' ? this.clients : this.gateways
    if (peers.get(name)?.side === side) peers.delete(name)
  }

  received(side: PortalSide, text: string): void {
    const decoded = decodeFrame(text, MAX_FRAME_TO_PORTAL_CHARACTERS)
    if (!decoded.ok) throw new Error(decoded.reason)
    const { topic, event, payload, ref } = decoded.frame
    const { role, name } = side.request
    if (event === 'heartbeat' || event === 'phx_join') {
      side.send(encodeFrame(okReply(topic, ref)))
      if (event === 'phx_join') this.#initialise(side)
      return
    }
    const verdict = readMessage({ role, direction: 'toPortal', dialect: 'v2' }, event, payload)
    if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`)
    if (role === 'client') this.#onClient(name, verdict.message as ToPortal<'client'>)
    else this.#onGateway(name, verdict.message as ToPortal<'gateway'>)
  }

  tellClient(name: string, message: FromPortal<'client'>): void {
    const event = wireName({ role: 'client', direction: 'fromPortal', dialect: 'v2' }, message.event) ?? ''
    this.clients.get(name)?.side.send(encodeFrame({ topic: 'client', event, payload: message.payload, ref: null }))
  }

  tellGateway(name: string, message: FromPortal<'gateway'>): void {
    const event = wireName({ role: 'gateway', direction: 'fromPortal', dialect: 'v2' }, message.event) ?? ''
    this.gateways.get(name)?.side.send(encodeFrame({ topic: 'gateway', event, payload: message.payload, ref: null }))
  }

  /** Withdraws a client's access to a resource at every gateway. */
  withdraw(client: string, resourceId: string): void {
    const clientId = this.#known.get(client)?.id ?? ''
    this.granted.delete(`${clientId} ${resourceId}`)
    for (const gateway of this.gateways.keys()) {
      this.tellGateway(gateway, {
        event: 'rejectAccess',
        payload: { client_id: clientId, resource_id: resourceId, ref: `reject ${resourceId}` },
      })
    }
  }

  #initialise(side: PortalSide): void {
    const { role, name } = side.request
    if (role === 'client') {
      const { ipv4, ipv6 } = this.clients.get(name) ?? { ipv4: '', ipv6: '' }
      const payload = { interface: { ipv4, ipv6 }, resources: this.resources, relays: [], flow_logs: FLOW_LOGS }
      return this.tellClient(name, { event: 'init', payload })
    }
    const { ipv4, ipv6 } = this.gateways.get(name) ?? { ipv4: '', ipv6: '' }
    this.tellGateway(name, {
      event: 'init',
      payload: {
        interface: { ipv4, ipv6 },
        config: { ipv4_masquerade_enabled: true, ipv6_masquerade_enabled: true },
        flow_logs: FLOW_LOGS,
        authorizations: [...this.granted.values()].map(({ clientId, resourceId }) => ({
          client_id: clientId,
          resource_id: resourceId,
          expires_at: this.expiresAt,
        })),
      },
    })
  }

  #onClient(name: string, message: ToPortal<'client'>): void {
    const client = this.clients.get(name)
    if (client === undefined) return
    switch (message.event) {
      case 'requestAuthorization':
        return this.#authorize(name, client, message.payload)
      case 'newGatewayIceCandidates':
      case 'invalidateGatewayIceCandidates': {
        const gateway = nameOf(this.gateways, message.payload.gateway_id)
        const event = message.event === 'newGatewayIceCandidates' ? 'iceCandidates' : 'invalidateIceCandidates'
        const { candidates } = message.payload
        if (gateway !== undefined) this.tellGateway(gateway, { event, payload: { client_id: client.id, candidates } })
        return
      }
      case 'broadcastIceCandidates':
      case 'broadcastInvalidatedIceCandidates':
      case 'requestDeviceAccess':
      case 'clientFacts':
      case 'clientPaths':
      case 'noRelays':
      case 'setSnownetCapabilities':
      case 'setCapabilities':
    }
  }

  #authorize(
    name: string,
    client: Peer,
    request: {
      resource_id: string
      connected_gateway_ids: string[]
      unreachable_gateway_ids?: string[] | undefined
      candidates?: string[] | undefined
    },
  ): void {
    const {
      resource_id: resourceId,
      connected_gateway_ids: connected,
      unreachable_gateway_ids: unreachable = [],
      candidates: lines = [],
    } = request
    this.requests.push({ client: name, resourceId, connected, unreachable })
    const resource = this.resources.find(({ id }) => id === resourceId)
    const candidates = [...this.gateways].filter(([, { id }]) => !unreachable.includes(id))
    const [gatewayName, gateway] = candidates.find(([, { id }]) => connected.includes(id)) ?? candidates[0] ?? []
    const reason = this.denied.get(resourceId) ?? (resource === undefined ? 'not_found' : 'offline')
    if (resource === undefined || this.denied.has(resourceId) || gateway === undefined || gatewayName === undefined) {
      const payload = { resource_id: resourceId, reason }
      return this.tellClient(name, { event: 'authorizationCreationFailed', payload })
    }
    const ends = {
      client: { id: client.id, publicKey: client.side.request.publicKey },
      gateway: { id: gateway.id, publicKey: gateway.side.request.publicKey },
    }
    const ice = iceCredentials(ends)
    const key = presharedKey({
      client: { ...ends.client, pskBase: new Uint8Array(32).fill(1) },
      gateway: { ...ends.gateway, pskBase: new Uint8Array(32).fill(2) },
    })
    const ref = `${client.id} ${resourceId} ${this.requests.length}`
    const pair = `${client.id} ${gateway.id}`
    this.#held.set(pair, [])
    this.#waiting.set(ref, () => {
      this.granted.set(`${client.id} ${resourceId}`, { clientId: client.id, resourceId })
      this.tellClient(name, {
        event: 'authorizationCreated',
        payload: {
          resource_id: resourceId,
          gateway_id: gateway.id,
          gateway_public_key: ends.gateway.publicKey,
          gateway_ipv4: gateway.ipv4,
          gateway_ipv6: gateway.ipv6,
          site_id: SITE.id,
          ...(this.siteRecords ? { site_records: true } : {}),
          preshared_key: key,
          client_ice_credentials: ice.client,
          gateway_ice_credentials: ice.gateway,
          flow_logs_ingest_token: 'a.b.c',
        },
      })
      const held = this.#held.get(pair) ?? []
      this.#held.delete(pair)
      if (held.length > 0)
        this.tellClient(name, { event: 'iceCandidates', payload: { gateway_id: gateway.id, candidates: held } })
    })
    this.tellGateway(gatewayName, {
      event: 'createAuthorization',
      payload: {
        ref,
        resource:
          resource.type === 'internet'
            ? { type: 'internet', id: resource.id }
            : {
                type: resource.type,
                id: resource.id,
                name: resource.name,
                address: resource.address,
                filters: resource.filters ?? [],
              },
        client: {
          id: client.id,
          public_key: ends.client.publicKey,
          preshared_key: key,
          ipv4: client.ipv4,
          ipv6: client.ipv6,
        },
        client_ice_credentials: ice.client,
        gateway_ice_credentials: ice.gateway,
        expires_at: this.expiresAt,
        site_findings: true,
        flow_logs_ingest_token: 'a.b.c',
      },
    })
    if (lines.length > 0)
      this.tellGateway(gatewayName, { event: 'iceCandidates', payload: { client_id: client.id, candidates: lines } })
  }

  #onGateway(name: string, message: ToPortal<'gateway'>): void {
    const gateway = this.gateways.get(name)
    if (gateway === undefined) return
    switch (message.event) {
      case 'authorizationCreated':
        this.acknowledged.push(message.payload.ref)
        this.#waiting.get(message.payload.ref)?.()
        return
      case 'nameFindings':
        this.nameFindings.push(message.payload)
        return
      case 'accessRejected':
        this.acknowledged.push(message.payload.ref)
        return
      case 'broadcastIceCandidates':
      case 'broadcastInvalidatedIceCandidates': {
        const event = message.event === 'broadcastIceCandidates' ? 'iceCandidates' : 'invalidateIceCandidates'
        const { client_ids, candidates } = message.payload
        for (const id of client_ids) {
          const client = nameOf(this.clients, id)
          const held = this.#held.get(`${id} ${gateway.id}`)
          if (held !== undefined) held.push(...candidates)
          else if (client !== undefined)
            this.tellClient(client, { event, payload: { gateway_id: gateway.id, candidates } })
        }
        return
      }
      case 'gatewayLoad':
      case 'gatewayPaths':
      case 'hostProblems':
      case 'noRelays':
      case 'setSnownetCapabilities':
      case 'setCapabilities':
    }
  }
}

const idOf = (prefix: string, number: number): string =>
  `${prefix}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`

const nameOf = (peers: ReadonlyMap<string, Peer>, id: string): string | undefined =>
  [...peers].find(([, peer]) => peer.id === id)?.[0]
