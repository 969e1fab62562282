import type { Actor, Group, Policy, Resource, Site } from '../../../store/entities.ts'
import type { Visit } from '../page/admin-parts.ts'
import {
  verdictOf,
  type AccessGraph,
  type EdgeVerdict,
  type GraphEdge,
  type GraphNode,
  type NodeKind,
} from './access-graph.ts'

/** Thing that a graph turns about. */
export interface Pivot {
  kind: NodeKind
  id: string
  name: string
}

/** Rows around a pivot. */
interface Around {
  people: readonly Actor[]
  groups: readonly Group[]
  policies: readonly Policy[]
  resources: readonly Resource[]
  sites: readonly Site[]
  /** Groups of the graph that each person is in, by the person's id. */
  groupsOf: ReadonlyMap<string, ReadonlySet<string>>
}

/** Reads who may use what around a pivot, judged at present. Undefined if that is more than `most` things. */
export const readGraph = async (visit: Visit, pivot: Pivot, most: number): Promise<AccessGraph | undefined> => {
  const around = await rowsAround(visit, pivot, most)
  if (around === undefined) return undefined
  const { people, groups, resources, sites, groupsOf } = around
  const judged = await judgedPairs(visit, around)
  const edges: GraphEdge[] = [
    ...judged.map(({ person, resource, group, verdict }) => ({
      from: pivot.kind === 'person' ? group : person,
      to: resource,
      verdict,
    })),
    ...people.flatMap(({ id }) =>
      [...(groupsOf.get(id) ?? [])].map((groupId) =>
        pivot.kind === 'person' ? { from: id, to: groupId } : { from: groupId, to: id },
      ),
    ),
    ...resources.flatMap(({ id, siteId }) => (siteId === null ? [] : [{ from: id, to: siteId }])),
  ]
  const connected = new Set(edges.flatMap(({ from, to }) => [from, to]))
  const node = (
    kind: NodeKind,
    { id, name }: { id: string; name: string },
    detail: string,
    isIll = false,
  ): GraphNode => ({
    id,
    kind,
    name,
    detail,
    isIll,
    isPivot: id === pivot.id,
    leadsTo: id,
  })
  const nodes = [
    ...people.map((row) => node('person', row, row.email ?? 'service account', row.isDisabled)),
    ...groups.map((row) => node('group', row, 'group')),
    ...resources.map((row) => node('resource', row, row.address ?? 'the Internet')),
    ...(await Promise.all(
      sites.map(async (row) => {
        const gateways = await gatewaysOf(visit, row.id)
        return node('site', row, `${gateways.connected} of ${gateways.all} gateways`, gateways.connected === 0)
      }),
    )),
  ].filter(({ id, isPivot }) => isPivot || connected.has(id))
  const shown = new Set(nodes.map(({ id }) => id))
  return { nodes, edges: edges.filter(({ from, to }) => shown.has(from) && shown.has(to)) }
}

const gatewaysOf = async ({ parts, caller }: Visit, siteId: string): Promise<{ all: number; connected: number }> => {
  const rows = await parts.store.reader(caller.account.id).list('gateways', { where: { siteId } })
  return { all: rows.length, connected: rows.filter(({ id }) => parts.isConnected(id)).length }
}

const rowsAround = async ({ parts, caller }: Visit, pivot: Pivot, most: number): Promise<Around | undefined> => {
  const reader = parts.store.reader(caller.account.id)
  const limit = most + 1
  const { id } = pivot
  const startPolicies = async (): Promise<Policy[]> => {
    switch (pivot.kind) {
      case 'person': {
        const own = await reader.list('memberships', { where: { actorId: id }, limit })
        const groups = own.map(({ groupId }) => groupId)
        return reader.listBy('policies', 'groupId', groups)
      }
      case 'group':
        return reader.list('policies', { where: { groupId: id }, limit })
      case 'resource':
        return reader.list('policies', { where: { resourceId: id }, limit })
      case 'site': {
        const there = await reader.list('resources', { where: { siteId: id }, limit })
        const resources = there.map((row) => row.id)
        return reader.listBy('policies', 'resourceId', resources)
      }
    }
  }
  const policies = (await startPolicies()).filter(({ isDisabled }) => !isDisabled)
  const groupIds = new Set(policies.map(({ groupId }) => groupId))
  if (pivot.kind === 'group') groupIds.add(id)
  const resourceIds = new Set(policies.map(({ resourceId }) => resourceId))
  if (pivot.kind === 'resource') resourceIds.add(id)
  if (groupIds.size + resourceIds.size > most) return undefined
  const groupsOf = new Map<string, Set<string>>()
  for (const groupId of groupIds) {
    const where = pivot.kind === 'person' ? { groupId, actorId: id } : { groupId }
    for (const { actorId } of await reader.list('memberships', { where, limit })) {
      groupsOf.set(actorId, (groupsOf.get(actorId) ?? new Set()).add(groupId))
    }
    if (groupsOf.size + resourceIds.size > most) return undefined
  }
  if (pivot.kind === 'person' && !groupsOf.has(id)) groupsOf.set(id, new Set())
  const named = async <Kind extends 'actors' | 'groups' | 'resources' | 'sites'>(kind: Kind, ids: Iterable<string>) =>
    [...(await reader.getAll(kind, ids)).values()].toSorted((a, b) => a.name.localeCompare(b.name))
  const resources = await named('resources', resourceIds)
  const siteIds = new Set(resources.flatMap(({ siteId }) => siteId ?? []))
  if (pivot.kind === 'site') siteIds.add(id)
  return {
    people: await named('actors', groupsOf.keys()),
    groups: await named('groups', groupIds),
    policies,
    resources,
    sites: await named('sites', siteIds),
    groupsOf,
  }
}

interface JudgedPair {
  person: string
  resource: string
  /** Group whose policy leads there; the first of several. */
  group: string
  verdict: EdgeVerdict
}

const judgedPairs = async (visit: Visit, around: Around): Promise<JudgedPair[]> => {
  const { people, policies, resources, groups, groupsOf } = around
  const names = new Map([...groups, ...resources].map(({ id, name }) => [id, name]))
  const onResource = new Map<string, Policy[]>()
  for (const policy of policies)
    onResource.set(policy.resourceId, [...(onResource.get(policy.resourceId) ?? []), policy])
  const pairs: JudgedPair[] = []
  for (const person of people) {
    const { id: actorId } = person
    const mine = groupsOf.get(actorId) ?? new Set<string>()
    const access = new Map(
      (await accessOf(visit, actorId)).map((answer) => [answer.resource.id, verdictOf(answer)] as const),
    )
    for (const { id: resourceId } of resources) {
      const leading = (onResource.get(resourceId) ?? []).filter(({ groupId }) => mine.has(groupId))
      const path = `/explain?actor=${actorId}&resource=${resourceId}`
      const pairOf = (of: readonly Policy[], verdict: Pick<EdgeVerdict, 'kind' | 'word' | 'why'>): JudgedPair => ({
        person: actorId,
        resource: resourceId,
        group: of[0]?.groupId ?? '',
        verdict: {
          ...verdict,
          path,
          policies: of.map(({ id, groupId }) => ({
            id,
            name: `${names.get(groupId) ?? '?'} → ${names.get(resourceId) ?? '?'}`,
          })),
        },
      })
      const enforced = leading.filter(({ mode }) => mode === 'enforced')
      const verdict = access.get(resourceId)
      if (enforced.length > 0 && verdict !== undefined) pairs.push(pairOf(enforced, verdict))
      for (const policy of leading.filter(({ mode }) => mode === 'shadow')) {
        pairs.push(pairOf([policy], await shadowVerdict(visit, actorId, policy)))
      }
    }
  }
  return pairs
}

const accessOf = async ({ parts, caller }: Visit, actorId: string) =>
  parts.decisions.accessOf({ accountId: caller.account.id, actorId, facts: {}, at: parts.clock.unix() })

/** Tells what a policy in shadow mode would do for a person. */
const shadowVerdict = async (
  { parts, caller }: Visit,
  actorId: string,
  { id, resourceId }: Policy,
): Promise<Pick<EdgeVerdict, 'kind' | 'word' | 'why'>> => {
  const answer = await parts.decisions.explain({
    accountId: caller.account.id,
    actor: actorId,
    resource: resourceId,
    facts: {},
    at: parts.clock.unix(),
  })
  const judged = answer.ok ? answer.explanation.verdict.explanation.find(({ policyId }) => policyId === id) : undefined
  const would = judged?.outcome === 'conforms' ? 'would be allowed' : 'would be denied'
  const why = judged?.conditions.filter(({ holds }) => !holds).map(({ reason }) => reason) ?? []
  return { kind: 'shadow', word: `shadow: ${would}`, why: [`grants nothing; ${would}`, ...why].join(': ') }
}
