import type { AdminPage, LivePart, Visit } from '../page/admin-parts.ts'
import { judgedEdges, VERDICT_WORDS, type AccessGraph, type GraphNode, type NodeKind } from './access-graph.ts'
import { drawnGraph } from './drawn-graph.ts'
import { foldGraph } from './fold-graph.ts'
import { GraphLayouts } from './layout-graph.ts'
import { namedRows, type NamedHit } from './named-rows.ts'
import { readGraph, type Pivot } from './read-graph.ts'

/** Things from which on like ones are folded. */
const FOLDED_FROM = 60
/** Things from which on a narrower pivot is asked for. */
const MOST = 300
/** Edges of a picture: more take too long to lay out, and nobody follows them. */
const MOST_DRAWN = 100
/** Rows of the table at most. */
const MOST_ROWS = 500
/** Things of each kind that are offered where the name fits several. */
const OFFERED = 8

/** The page that draws who reaches what around one person, group, resource or site, with the verdicts at present. */
export const graphPage = (): AdminPage => {
  const layouts = new GraphLayouts()
  return {
    path: '/graph',
    needs: 'policies:read',
    watches: ['actors', 'groups', 'memberships', 'policies', 'resources', 'sites', 'clients', 'gateways'],
    view: async (visit) => {
      const about = visit.query['about']?.trim() ?? ''
      const isClosedOnly = visit.query['show'] === 'closed'
      const { pivot, offered } = await pivotOf(visit, about)
      const live: LivePart[] = pivot === undefined ? [] : [await graphPart(visit, { pivot, isClosedOnly, layouts })]
      return {
        template: 'graph',
        title: pivot === undefined ? 'Access graph' : `Access of ${pivot.name}`,
        crumbs: pivot === undefined ? [] : [{ text: 'Access graph', url: `${visit.base}/graph` }],
        live,
        data: {
          about: pivot?.name ?? about,
          isClosedOnly,
          hasGraph: pivot !== undefined,
          isAsked: about !== '',
          offered: offered.map(({ id, kind, name, detail }) => ({
            kind,
            name,
            detail,
            url: `${visit.base}/graph?about=${id}`,
          })),
        },
      }
    },
  }
}

const ROWS = [
  ['person', 'actors'],
  ['group', 'groups'],
  ['resource', 'resources'],
  ['site', 'sites'],
] as const

/** Finds what the graph is to turn about: by its id, or by a name that only one thing has. */
const pivotOf = async (
  visit: Visit,
  about: string,
): Promise<{ pivot: Pivot | undefined; offered: readonly NamedHit[] }> => {
  const reader = visit.parts.store.reader(visit.caller.account.id)
  if (/^[0-9a-f-]{36}$/.test(about)) {
    for (const [kind, entity] of ROWS) {
      const row = await reader.get(entity, about)
      if (row !== undefined) return { pivot: { kind, id: row.id, name: row.name }, offered: [] }
    }
  }
  const found = (await namedRows(visit, about, OFFERED)).flatMap(({ kind, ...hit }) =>
    kind === 'device' ? [] : [{ ...hit, kind }],
  )
  if (about === '') return { pivot: undefined, offered: found.filter(({ kind }) => kind !== 'person') }
  const same = found.filter(({ name }) => name.toLowerCase() === about.toLowerCase())
  const [only, ...others] = same.length > 0 ? same : found
  return only !== undefined && others.length === 0 ? { pivot: only, offered: [] } : { pivot: undefined, offered: found }
}

const columnsOf = ({ kind }: Pivot): readonly NodeKind[] =>
  kind === 'person' ? ['person', 'group', 'resource', 'site'] : ['group', 'person', 'resource', 'site']

const graphPart = async (
  visit: Visit,
  { pivot, isClosedOnly, layouts }: { pivot: Pivot; isClosedOnly: boolean; layouts: GraphLayouts },
): Promise<LivePart> => {
  const read = await readGraph(visit, pivot, MOST)
  const part = (data: Readonly<Record<string, unknown>>): LivePart => ({ id: 'graph', template: 'graph-drawing', data })
  if (read === undefined || read.nodes.length > MOST) return part({ tooMany: MOST, pivot })
  const graph = foldGraph(isClosedOnly ? closedOf(read) : read, FOLDED_FROM)
  const judged = judgedEdges(graph)
  const columns = columnsOf(pivot)
  const isDrawn = judged.length > 0 && graph.edges.length <= MOST_DRAWN
  // The table says the same, and needs no layout.
  const layout = isDrawn
    ? await layouts.layout(graph, columns).catch((error: unknown) => {
        visit.parts.logger.warn({ error }, 'a graph cannot be laid out')
        return undefined
      })
    : undefined
  const names = new Map(graph.nodes.map((node) => [node.id, node]))
  const siteOf = new Map(
    graph.edges.flatMap(({ from, to }) => (names.get(to)?.kind === 'site' ? [[from, names.get(to)] as const] : [])),
  )
  return part({
    pivot,
    isClosedOnly,
    picture: layout && drawnGraph(graph, layout, { columns, base: visit.base }),
    isLost: isDrawn && layout === undefined,
    legend: (['yes', 'wait', 'no', 'shadow'] as const).map((kind) => ({
      kind,
      text: LEGEND[kind],
      count: judged.filter(({ verdict }) => verdict.kind === kind).length,
    })),
    edges: judged.length,
    rows: judged.slice(0, MOST_ROWS).map(({ from, to, verdict }) => ({
      from: shownNode(names.get(from), visit.base),
      to: shownNode(names.get(to), visit.base),
      kind: verdict.kind,
      word: VERDICT_WORDS[verdict.kind],
      why: siteOf.get(to)?.isIll === true ? `${verdict.why}; no gateway of its site is connected` : verdict.why,
      policies: verdict.policies.map(({ id, name }) => ({
        name,
        url: visit.may('policies:write') ? `${visit.base}/policies/${id}/edit` : undefined,
      })),
      site: siteOf.get(to)?.name ?? '',
      url: `${visit.base}${verdict.path}`,
    })),
  })
}

const LEGEND = {
  yes: 'allowed',
  wait: 'not now, opens by itself',
  no: 'denied',
  shadow: 'shadow, grants nothing',
} as const

const shownNode = (node: GraphNode | undefined, base: string) => ({
  name: node?.name ?? '?',
  url: node?.leadsTo === undefined ? undefined : `${base}/graph?about=${node.leadsTo}`,
})

/** Leaves of a graph what is not allowed at present, and what leads there. */
const closedOf = ({ nodes, edges }: AccessGraph): AccessGraph => {
  const closed = edges.filter(({ verdict }) => verdict !== undefined && verdict.kind !== 'yes')
  const ends = new Set(closed.flatMap(({ from, to }) => [from, to]))
  const others = edges.filter(({ from, to, verdict }) => verdict === undefined && (ends.has(from) || ends.has(to)))
  const kept = [...closed, ...others]
  const shown = new Set(kept.flatMap(({ from, to }) => [from, to]))
  return { nodes: nodes.filter(({ id, isPivot }) => isPivot || shown.has(id)), edges: kept }
}
