import { decodeFrame, MAX_FRAME_FROM_PORTAL_CHARACTERS } from '../../../core/control/frame.ts'
import { toBase64 } from '../../../core/crypto/text-encoding.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { instant, unixTime } from '../../../core/runtime/time.ts'
import { PortalState } from '../grants/state.ts'
import type { PortalInput } from '../grants/state.ts'
import type { Rows } from '../store/entities.ts'

/**
 * Grants a client access to a resource, in a machine of its own with rows that are made up. JavaScript is slow until it
 * has run a few times, which the first person to ask would wait for. Returns whether the client was told.
 */
export const rehearsePortal = ({ random }: { random: Random }): boolean => {
  const machine = new PortalState({
    conditions: new Map(),
    selectors: new Map(),
    random,
    unixAt: (now) => unixTime(now),
    publicUrl: 'https://portal.example.org',
    refKey: new Uint8Array(32),
    ingestKey: new Uint8Array(32),
  })
  let now = 1
  let isGranted = false
  const recorded: string[] = []
  const tell = (input: PortalInput): void => {
    machine.handle(input, instant(now++))
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) {
      if (output.type === 'recordAuthorization') recorded.push(output.authorization.id)
      if (output.type !== 'sendText') continue
      const decoded = decodeFrame(output.text, MAX_FRAME_FROM_PORTAL_CHARACTERS)
      isGranted ||= decoded.ok && decoded.frame.event === 'authorization_created'
      if (decoded.ok && decoded.frame.event === 'create_authorization') toBeAcknowledged.push(decoded.frame.payload)
    }
  }
  const say = (role: 'client' | 'gateway', event: string, payload: unknown): void =>
    tell({ type: 'frameReceived', connection: role, text: JSON.stringify({ topic: role, event, payload, ref: 1 }) })
  const toBeAcknowledged: unknown[] = []
  tell({ type: 'viewLoaded', rows: ROWS })
  for (const role of ['gateway', 'client'] as const) {
    tell({ type: 'peerConnected', ...admitted(role) })
    say(role, 'phx_join', {})
  }
  say('client', 'request_authorization', { resource_id: IDS.resource, connected_gateway_ids: [], candidates: [LINE] })
  say('gateway', 'broadcast_ice_candidates', { client_ids: [IDS.client], candidates: [LINE] })
  for (const payload of toBeAcknowledged) {
    if (typeof payload !== 'object' || payload === null || !('ref' in payload)) continue
    say('gateway', 'authorization_created', { ref: payload.ref })
  }
  for (const authorizationId of recorded) tell({ type: 'authorizationRecorded', authorizationId })
  say('client', 'new_gateway_ice_candidates', { gateway_id: IDS.gateway, candidates: [LINE] })
  return isGranted
}

const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const IDS = {
  account: idOf(1),
  actor: idOf(2),
  group: idOf(3),
  membership: idOf(4),
  site: idOf(5),
  resource: idOf(6),
  policy: idOf(7),
  client: idOf(8),
  gateway: idOf(9),
  clientToken: idOf(10),
  gatewayToken: idOf(11),
} as const
const LINE = 'candidate:1 1 udp 2130706175 192.0.2.1 52625 typ host'
const KEYS = {
  client: toBase64(new Uint8Array(32).fill(1)),
  gateway: toBase64(new Uint8Array(32).fill(2)),
  base: toBase64(new Uint8Array(32)),
} as const

const admitted = (role: 'client' | 'gateway') => ({
  connection: role,
  role,
  dialect: 'v2' as const,
  peerId: IDS[role],
  tokenId: IDS[`${role}Token`],
  publicKey: KEYS[role],
  isProven: false,
  remoteIp: '192.0.2.1',
  userAgent: `Linux/6.1 ${role === 'client' ? 'headless-client' : 'gateway'}/0.1.0`,
  transport: 'wireguard',
  product: 'portreeve' as const,
})

const common = { accountId: IDS.account, createdAt: unixTime(0), updatedAt: unixTime(0) }
const token = {
  ...common,
  identityProviderId: null,
  signIn: null,
  salt: '',
  hash: '',
  scopes: null,
  makerId: null,
  isEmergency: false,
  expiresAt: null,
  lastUsedAt: null,
  name: 'rehearsal',
}
const peer = {
  ...common,
  externalId: '',
  name: 'rehearsal',
  pskBase: KEYS.base,
  lastSeenAt: null,
  lastSeenVersion: null,
}

const ROWS: Rows = {
  accounts: [
    {
      id: IDS.account,
      slug: 'rehearsal',
      name: 'rehearsal',
      isDisabled: false,
      upstreamResolvers: [],
      searchDomain: null,
      addressRanges: null,
      createdAt: unixTime(0),
      updatedAt: unixTime(0),
    },
  ],
  actors: [{ ...common, id: IDS.actor, type: 'service_account', name: 'rehearsal', email: null, isDisabled: false }],
  groups: [{ ...common, id: IDS.group, name: 'rehearsal' }],
  memberships: [{ ...common, id: IDS.membership, groupId: IDS.group, actorId: IDS.actor }],
  identity_providers: [],
  identities: [],
  tokens: [
    { ...token, id: IDS.clientToken, kind: 'client', actorId: IDS.actor, siteId: null, gatewayId: null },
    { ...token, id: IDS.gatewayToken, kind: 'gateway', actorId: null, siteId: IDS.site, gatewayId: null },
  ],
  clients: [
    {
      ...peer,
      id: IDS.client,
      actorId: IDS.actor,
      publicKey: KEYS.client,
      ipv4: '100.64.0.1',
      ipv6: 'fd00:2021:1111::1',
      deviceKey: null,
      isProven: false,
      provenAt: null,
      verifiedAt: null,
      acceptsUnproven: false,
    },
  ],
  sites: [{ ...common, id: IDS.site, name: 'rehearsal', selector: 'random', selectorSettings: {} }],
  gateways: [
    {
      ...peer,
      id: IDS.gateway,
      siteId: IDS.site,
      isEphemeral: false,
      presentAt: null,
      publicKey: KEYS.gateway,
      ipv4: '100.64.0.2',
      ipv6: 'fd00:2021:1111::2',
    },
  ],
  resources: [
    {
      ...common,
      id: IDS.resource,
      siteId: IDS.site,
      name: 'rehearsal',
      type: 'cidr',
      address: '192.0.2.0/24',
      addressDescription: null,
      filters: [{ protocol: 'tcp', ports: ['443'] }],
      ipStack: 'dual',
    },
  ],
  policies: [
    {
      ...common,
      id: IDS.policy,
      groupId: IDS.group,
      resourceId: IDS.resource,
      description: null,
      conditions: [],
      isDisabled: false,
      mode: 'enforced',
    },
  ],
  authorizations: [],
}
