import { VERDICT_WORDS, type AccessGraph, type GraphEdge, type GraphNode, type NodeKind } from './access-graph.ts'

/** Like things that are still shown one by one, beside the node into which the others are folded. */
const SHOWN = 2
/** Number of like things from which on they are folded. */
const MANY = 4

const PLURAL = { person: 'people', group: 'groups', resource: 'resources', site: 'sites' } as const

/** Folds people, and then resources, that have the same edges into one node each, where a graph has more nodes than `most`. */
export const foldGraph = (graph: AccessGraph, most: number): AccessGraph =>
  (['person', 'resource'] as const).reduce(
    (folded, kind) => (folded.nodes.length > most ? foldKind(folded, kind) : folded),
    graph,
  )

const foldKind = (graph: AccessGraph, kind: NodeKind): AccessGraph => {
  const edgesOf = new Map<string, GraphEdge[]>()
  for (const edge of graph.edges) {
    for (const id of [edge.from, edge.to]) edgesOf.set(id, [...(edgesOf.get(id) ?? []), edge])
  }
  const classes = new Map<string, GraphNode[]>()
  for (const node of graph.nodes) {
    if (node.kind !== kind || node.isPivot) continue
    const likeness = (edgesOf.get(node.id) ?? [])
      .map(({ from, to, verdict }) => `${from === node.id ? `> ${to}` : `< ${from}`} ${verdict?.kind ?? ''}`)
      .toSorted()
      .join(' ')
    classes.set(likeness, [...(classes.get(likeness) ?? []), node])
  }
  const into = new Map<string, GraphNode>()
  for (const like of classes.values()) {
    if (like.length < MANY) continue
    const folded = like.slice(SHOWN)
    const node: GraphNode = {
      id: `more-${folded[0]?.id ?? ''}`,
      kind,
      name: `${folded.length} more ${PLURAL[kind]}`,
      detail: 'with the same verdicts',
      isPivot: false,
      isIll: false,
      leadsTo: undefined,
    }
    for (const { id } of folded) into.set(id, node)
  }
  return { nodes: [...new Set(graph.nodes.map((node) => into.get(node.id) ?? node))], edges: mergedEdges(graph, into) }
}

/** Puts the edges of folded nodes together, by their other ends and their verdicts. */
const mergedEdges = ({ edges }: AccessGraph, into: ReadonlyMap<string, GraphNode>): GraphEdge[] => {
  const merged = new Map<string, { edge: GraphEdge; count: number }>()
  for (const edge of edges) {
    const from = into.get(edge.from)?.id ?? edge.from
    const to = into.get(edge.to)?.id ?? edge.to
    const key = `${from} ${to} ${edge.verdict?.kind ?? ''}`
    const { count } = merged.get(key) ?? { count: 0 }
    merged.set(key, { edge: { ...edge, from, to }, count: count + 1 })
  }
  return [...merged.values()].map(({ edge, count }) => {
    const { verdict } = edge
    if (count === 1 || verdict === undefined) return edge
    const word = `${count}, all ${VERDICT_WORDS[verdict.kind]}`
    const other = into.has(edge.from) || edge.from.startsWith('more-') ? edge.to : edge.from
    return {
      ...edge,
      verdict: { ...verdict, word, why: `like ${count} of them: ${verdict.why}`, path: `/graph?about=${other}` },
    }
  })
}
