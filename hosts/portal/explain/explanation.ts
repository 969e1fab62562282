// Why somebody may have something, or may not: the evaluator, the filters and the selector of real requests, asked without
// a request. One answer for admins, with everything; one for the person herself, with what concerns nobody else.
import type { FactName, Facts } from '../../../core/contract/policy-condition.ts'
import { portFilters } from '../../../core/control/port-filters.ts'
import { ICMP, TCP, UDP } from '../../../core/net/packet-view.ts'
import { PortFilters } from '../../../core/net/port-filter.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { judgeAccess, type AccessVerdict } from '../decide/access.ts'
import { isUnproven, isVerified } from '../decide/device-standing.ts'
import type { Choice } from '../decide/selection.ts'
import { chooseAmong, siteGateways } from '../decide/site-gateways.ts'
import { clientStanding, personStanding } from '../decide/standing.ts'
import { restsOnConnection } from '../grants/absences.ts'
import { versionOf, type Connection } from '../grants/connections.ts'
import type { Context } from '../grants/context.ts'
import type { NameTrouble } from '../grants/name-troubles.ts'
import type { Account, Actor, Client, Group, Policy, Resource, Site } from '../store/entities.ts'
import { wireFilters } from '../wire/wire-resource.ts'

export interface AccessQuestion {
  accountId: string
  actorId: string
  resourceId: string
  /** Her device: what is known of it and of its connection stands in for what is not given. */
  clientId?: string | undefined
  /** Absent: now. */
  at?: UnixTime | undefined
  /** What is supposed to be known; goes before what is. */
  facts?: Facts
  /** What is to be reached there. */
  traffic?: Traffic | undefined
}

export interface Traffic {
  protocol: 'tcp' | 'udp' | 'icmp'
  /** For tcp and udp. */
  port?: number | undefined
}

export interface KnownFact {
  name: FactName
  value: string | boolean
  /** `given` with the question; of the device's `connection`; as it was `last_seen`; of the `device` itself. */
  source: 'given' | 'connection' | 'last_seen' | 'device'
}

export interface AccessExplanation {
  at: UnixTime
  account: Account
  actor: Actor
  client: Client | undefined
  resource: Resource
  site: Site | undefined
  /** The groups that the actor is a member of. */
  groups: Group[]
  /** By id: the policies and groups that the verdict names. */
  policies: ReadonlyMap<string, Policy>
  facts: KnownFact[]
  /** What stands in the way whatever the policies say: a code of the person's, the device's or the token's standing. */
  obstacle: string | undefined
  verdict: AccessVerdict
  /** How long the grant would outlive the client's connection; undefined where it does not rest on that. */
  endsAfterConnectionMs: number | undefined
  /** Undefined where nobody asked about a port. */
  filter: FilterExplanation | undefined
  gateway: GatewayExplanation
  /** Names of the resource that its gateways have lately found trouble with. */
  names: (NameTrouble & { gatewayName: string })[]
  /** All of it: policies, standing and filter. */
  isAllowed: boolean
}

export interface FilterExplanation extends Traffic {
  isPermitted: boolean
}

export interface GatewayExplanation {
  /** Who would be asked first; undefined where nobody could serve. */
  choice: Choice | undefined
  gateways: {
    id: string
    name: string
    version: string | null
    isConnected: boolean
    isCompatible: boolean
    connectedClients: number
    lastSeenAt: UnixTime | null
  }[]
}

/** Undefined where the account has no such actor, resource, or device of hers. */
export const explainAccess = (
  context: Context,
  question: AccessQuestion,
  now: Instant,
): AccessExplanation | undefined => {
  const { view } = context
  const { accountId, actorId, resourceId, clientId, traffic } = question
  const account = view.get('accounts', accountId)
  const actor = view.get('actors', actorId)
  const resource = view.get('resources', resourceId)
  const client = clientId === undefined ? undefined : view.get('clients', clientId)
  if (account === undefined || actor?.accountId !== accountId || resource?.accountId !== accountId) return undefined
  if (clientId !== undefined && client?.actorId !== actorId) return undefined

  const known = knownOf(context, question, now)
  const verdict = judgeAccess(view, { accountId, actorId, resourceId, ...known.request })
  const filter = traffic === undefined ? undefined : filterOf(resource, traffic)
  const policies = verdict.explanation.flatMap(({ policyId }) => view.get('policies', policyId) ?? [])
  return {
    at: known.request.at,
    account,
    actor,
    client,
    resource,
    site: view.get('sites', resource.siteId),
    groups: [...view.groupsOf(actorId)].flatMap((id) => view.get('groups', id) ?? []),
    policies: new Map(policies.map((policy) => [policy.id, policy])),
    facts: known.facts,
    obstacle: known.obstacle,
    verdict,
    endsAfterConnectionMs: grantingRests(verdict) ? context.limits.placeMs : undefined,
    filter,
    gateway: gatewayOf(context, { resource, client, connection: known.connection }),
    names: context.nameTroubles
      .ofResource(resourceId)
      .flatMap((trouble) => {
        const name = view.get('gateways', trouble.gatewayId)?.name
        return name === undefined ? [] : [{ ...trouble, gatewayName: name }]
      })
      .slice(0, MOST_NAMES),
    isAllowed: verdict.allowed && known.obstacle === undefined && filter?.isPermitted !== false,
  }
}

const MOST_NAMES = 50

/** Whether the policy that grants looks at the client's connection. */
const grantingRests = (verdict: AccessVerdict): boolean =>
  verdict.allowed &&
  restsOnConnection(verdict.explanation.find(({ policyId }) => policyId === verdict.policyId)?.conditions ?? [])

interface Known {
  request: { facts: Facts; at: UnixTime; tokenExpiresAt?: UnixTime; isUnproven: boolean }
  facts: KnownFact[]
  obstacle: string | undefined
  connection: Connection | undefined
}

/** What a request of hers would bring along. */
export const knownOf = (
  { view, presence, connections, whereabouts, unixAt }: Context,
  { accountId, actorId, clientId, facts: given = {}, at }: WithMoment,
  now: Instant,
): Known => {
  const moment = at ?? unixAt(now)
  const client = clientId === undefined ? undefined : view.get('clients', clientId)
  const connection = connections.get(presence.clientConnection(clientId ?? '') ?? '')
  const token = connection === undefined ? undefined : view.get('tokens', connection.tokenId)
  const facts: KnownFact[] = []
  const learn = (name: FactName, value: string | boolean | null | undefined, source: KnownFact['source']) => {
    if (value === undefined || value === null || facts.some((fact) => fact.name === name)) return
    facts.push({ name, value, source })
  }
  learn('remoteIp', given.remoteIp, 'given')
  learn('remoteIp', connection?.remoteIp, 'connection')
  learn('remoteIp', whereabouts.get(clientId ?? '')?.remoteIp, 'last_seen')
  learn('identityProviderId', given.identityProviderId, 'given')
  learn('identityProviderId', token?.identityProviderId, 'connection')
  learn('clientVerified', given.clientVerified, 'given')
  learn('clientVerified', client === undefined ? undefined : isVerified(client), 'device')
  const values: Facts = Object.fromEntries(facts.map(({ name, value }) => [name, value]))

  const isUnknownDevice = client !== undefined && given.clientVerified === undefined && isUnproven(client)

  const identityProviderId = given.identityProviderId
  const standing =
    connection === undefined
      ? personStanding(view, {
          accountId,
          actorId,
          ...(identityProviderId === undefined ? {} : { identityProviderId }),
        })
      : clientStanding(view, { clientId: connection.peerId, tokenId: connection.tokenId }, moment)
  const tokenExpiresAt = token?.expiresAt ?? undefined
  return {
    request: {
      facts: values,
      at: moment,
      isUnproven: isUnknownDevice,
      ...(tokenExpiresAt === undefined ? {} : { tokenExpiresAt }),
    },
    facts,
    obstacle: typeof standing === 'string' ? standing : undefined,
    connection,
  }
}

type WithMoment = Pick<AccessQuestion, 'accountId' | 'actorId' | 'clientId' | 'facts' | 'at'>

const NUMBERS = { tcp: TCP, udp: UDP, icmp: ICMP } as const

const filterOf = (resource: Resource, traffic: Traffic): FilterExplanation => {
  const filters = portFilters(wireFilters(resource))
  const verdict = new PortFilters(filters).verdict(NUMBERS[traffic.protocol], traffic.port ?? 0)
  return { ...traffic, isPermitted: verdict === 'permitted' }
}

const gatewayOf = (
  context: Context,
  {
    resource,
    client,
    connection,
  }: { resource: Resource; client: Client | undefined; connection: Connection | undefined },
): GatewayExplanation => {
  const { view, grants } = context
  const clientVersion = connection?.version ?? client?.lastSeenVersion ?? versionOf('')
  const { healthy, compatible } = siteGateways(context, { resourceId: resource.id, clientVersion })
  const [first, ...others] = compatible
  const connectedIds = client === undefined ? [] : grants.ofClient(client.id).map(({ row }) => row.gatewayId)
  const about = { resourceId: resource.id, clientId: client?.id ?? '', connectedIds }
  return {
    choice: first === undefined ? undefined : chooseAmong([first, ...others], about, context),
    gateways: [...view.all('gateways')]
      .filter(({ siteId }) => siteId === resource.siteId)
      .map(({ id, name, lastSeenVersion, lastSeenAt }) => ({
        id,
        name,
        version: healthy.find((gateway) => gateway.id === id)?.version ?? lastSeenVersion,
        isConnected: healthy.some((gateway) => gateway.id === id),
        isCompatible: compatible.some((gateway) => gateway.id === id),
        connectedClients: grants.clientsOn(id),
        lastSeenAt,
      })),
  }
}
