// Explains why a person may or may not access a resource, with the evaluator, port filters and gateway selector of real
// requests, but without a request. The answer has all details and is for admins; person-access.ts has the one for the
// person.
import type { Answers } from '../../../core/policy/hearing.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import { portFilters } from '../../../core/control/port-filters.ts'
import { ICMP, TCP, UDP } from '../../../core/net/packet-view.ts'
import { PortFilters } from '../../../core/net/port-filter.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { judgeAccess, type AccessVerdict } from '../decide/access.ts'
import type { ClientPath } from '../decide/client-paths.ts'
import { dependsOnConnection } from '../decide/connection-facts.ts'
import type { Choice } from '../decide/selection.ts'
import type { GatewayProblem } from '../decide/presence.ts'
import type { ProductVersion } from '../decide/product.ts'
import { chooseAmong, problemsOf, siteGateways } from '../decide/site-gateways.ts'
import type { Connection } from '../grants/connections.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { NameTrouble } from '../grants/name-troubles.ts'
import type { Account, Actor, Client, Group, Policy, Resource, Site } from '../store/entities.ts'
import { wireFilters } from '../wire/wire-resource.ts'
import type { AccessQuestion, Traffic } from './access-question.ts'
import { knownOf, listedFacts, type ListedFact } from './known-facts.ts'
import { offeredRelays, type OfferedRelays } from './offered-relays.ts'

export interface AccessExplanation {
  at: UnixTime
  account: Account
  actor: Actor
  client: Client | undefined
  resource: Resource
  site: Site | undefined
  /** Groups of the actor. */
  groups: Group[]
  /** Policies named in the verdict, by id. */
  policies: ReadonlyMap<string, Policy>
  /** Facts that conditions read, and a few that every explanation has, as far as they are known. */
  facts: ListedFact[]
  /** Names of those that are not. */
  unknownFacts: string[]
  /**
   * Code of an obstacle that denies access whatever the policies say, from the standing of the person, device or token.
   */
  obstacle: string | undefined
  verdict: AccessVerdict
  /**
   * Milliseconds for which the grant would outlive the client's connection; undefined if it does not depend on facts of
   * the connection.
   */
  endsAfterConnectionMs: number | undefined
  /** Verdict of the resource's port filters; undefined if the question names no traffic. */
  filter: FilterExplanation | undefined
  gateway: GatewayExplanation
  /** Relays for the client and the gateways of the site. */
  relays: OfferedRelays
  /** Domain names of the resource for which its gateways have lately reported DNS problems. */
  names: (NameTrouble & { gatewayName: string })[]
  /** Whether policies, standing and filter all allow access. */
  isAllowed: boolean
}

export interface FilterExplanation extends Traffic {
  isPermitted: boolean
}

export interface GatewayExplanation {
  /** Gateway that would serve; undefined if none can. */
  choice: Choice | undefined
  /** Key of the client's tunnel transport; undefined while it is not connected. */
  clientTransport: string | undefined
  gateways: {
    id: string
    name: string
    version: string | null
    /** Key of the gateway's tunnel transport; null while it is not connected. */
    transport: string | null
    isConnected: boolean
    isCompatible: boolean
    /** Problems that keep its machine from forwarding, as it reports them; it is not chosen then. */
    problems: readonly GatewayProblem[]
    /** Whether it can forward again, and has for so short a time that others are chosen before it. */
    isRecovering: boolean
    connectedClients: number
    /** Path of the client's packets to it, as the client reports it; undefined without one. */
    path: ClientPath | undefined
    lastSeenAt: UnixTime | null
  }[]
}

/** Explains one decision; undefined if the account has no such actor or resource, or the actor no such device. */
export const explainAccess = (
  knowledge: Knowledge,
  question: AccessQuestion,
  now: Instant,
  answers?: Answers,
): AccessExplanation | undefined => {
  const { view } = knowledge
  const { accountId, actorId, resourceId, clientId, traffic } = question
  const account = view.get('accounts', accountId)
  const actor = view.get('actors', actorId)
  const resource = view.get('resources', resourceId)
  const client = clientId === undefined ? undefined : view.get('clients', clientId)
  if (account === undefined || actor?.accountId !== accountId || resource?.accountId !== accountId) return undefined
  if (clientId !== undefined && client?.actorId !== actorId) return undefined

  const known = knownOf(knowledge, question, now)
  const facts = known.factsOn(resourceId)
  const verdict = judgeAccess(view, { accountId, actorId, resourceId, facts, ...known.request }, answers)
  const listed = listedFacts(facts, verdict.explanation)
  const filter = traffic === undefined ? undefined : filterOf(resource, traffic)
  const gateway = gatewayOf(
    knowledge,
    { resource, client, connection: known.connection, facts, at: known.request.at },
    answers,
  )
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
    facts: listed.known,
    unknownFacts: listed.unknown,
    obstacle: known.obstacle,
    verdict,
    endsAfterConnectionMs: grantDependsOnConnection(verdict) ? knowledge.limits.placeMs : undefined,
    filter,
    gateway,
    relays: offeredRelays(knowledge, {
      client: known.connection,
      gatewayIds: gateway.gateways.filter(({ isConnected }) => isConnected).map(({ id }) => id),
    }),
    names: knowledge.nameTroubles
      .ofResource(resourceId)
      .flatMap((trouble) => {
        const name = view.get('gateways', trouble.gatewayId)?.name
        return name === undefined ? [] : [{ ...trouble, gatewayName: name }]
      })
      .slice(0, MAX_NAMES),
    isAllowed: verdict.allowed && known.obstacle === undefined && filter?.isPermitted !== false,
  }
}

const MAX_NAMES = 50

/** Whether the granting policy reads facts of the client's connection. */
const grantDependsOnConnection = (verdict: AccessVerdict): boolean =>
  verdict.allowed &&
  dependsOnConnection(verdict.explanation.find(({ policyId }) => policyId === verdict.policyId)?.conditions ?? [])

const NUMBERS = { tcp: TCP, udp: UDP, icmp: ICMP } as const

/** Judges traffic by a resource's port filters. */
export const filterOf = (resource: Resource, traffic: Traffic): FilterExplanation => {
  const filters = portFilters(wireFilters(resource))
  const verdict = new PortFilters(filters).verdict(NUMBERS[traffic.protocol], traffic.port ?? 0)
  return { ...traffic, isPermitted: verdict === 'permitted' }
}

const gatewayOf = (
  knowledge: Knowledge,
  {
    resource,
    client,
    connection,
    facts,
    at,
  }: {
    resource: Resource
    client: Client | undefined
    connection: Connection | undefined
    facts: KnownFacts
    at: UnixTime
  },
  answers: Answers | undefined,
): GatewayExplanation => {
  const { view, grants } = knowledge
  const clientTransport = connection?.transport
  const about = { resourceId: resource.id, clientId: client?.id ?? '' }
  const { connected, compatible } = siteGateways(knowledge, {
    ...about,
    client: connection ?? lastSeen(client),
    clientTransport,
  })
  const [first, ...others] = compatible
  const paths = client === undefined ? [] : knowledge.clientPaths.ofClient(client.id)
  const connectedIds = client === undefined ? [] : grants.ofClient(client.id).map(({ row }) => row.gatewayId)
  return {
    choice:
      first === undefined
        ? undefined
        : chooseAmong(
            [first, ...others],
            { ...about, connectedIds, facts, roundTrips: connection?.roundTrips, at },
            knowledge,
            answers,
          ),
    clientTransport,
    gateways: [...view.all('gateways')]
      .filter(({ siteId }) => siteId === resource.siteId)
      .map(({ id, name, lastSeenVersion, lastSeenAt }) => {
        const present = connected.find((gateway) => gateway.id === id)
        const { version = lastSeenVersion, transport = null, isRecovering = false } = present ?? {}
        const problems = present === undefined ? [] : problemsOf(present, view)
        return {
          id,
          name,
          version,
          transport,
          problems,
          isRecovering: isRecovering && problems.length === 0,
          isConnected: present !== undefined,
          isCompatible: compatible.some((gateway) => gateway.id === id),
          connectedClients: grants.clientsOn(id),
          path: paths.find(({ gatewayId }) => gatewayId === id),
          lastSeenAt,
        }
      }),
  }
}

/** Returns the version of a client that is not connected. Only Portreeve's clients have device keys. */
const lastSeen = (client: Client | undefined): ProductVersion => ({
  product: client?.deviceKey === undefined || client.deviceKey === null ? undefined : 'portreeve',
  version: client?.lastSeenVersion ?? '',
})
