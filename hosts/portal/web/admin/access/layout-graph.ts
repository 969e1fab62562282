import type { ElkNode } from 'elkjs/lib/elk-api.js'
import type { AccessGraph, NodeKind } from './access-graph.ts'
import { LayoutThread } from './layout-thread.ts'

/** Size of a node in the picture; a node without one is not drawn. */
export const NODE_WIDTH: Readonly<Record<NodeKind, number>> = { person: 170, group: 150, resource: 190, site: 150 }
export const NODE_HEIGHT = 44
/** Room for the verdict above its edge. */
export const LABEL_WIDTH = 230
const LABEL_HEIGHT = 16

/** Places of a graph's nodes and edges, in the order of the graph. */
export interface GraphLayout {
  width: number
  height: number
  nodes: readonly { x: number; y: number }[]
  edges: readonly { d: string; label: { x: number; y: number } | undefined }[]
}

/** Chosen for their speed. */
const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.edgeRouting': 'POLYLINE',
  'elk.layered.thoroughness': '1',
  'elk.layered.layering.strategy': 'LONGEST_PATH',
  'elk.layered.crossingMinimization.greedySwitch.type': 'OFF',
  'elk.layered.nodePlacement.strategy': 'SIMPLE',
  'elk.layered.edgeLabels.sideSelection': 'ALWAYS_UP',
  'elk.partitioning.activate': 'true',
  'elk.separateConnectedComponents': 'false',
  'elk.padding': '[top=28,left=2,bottom=8,right=2]',
}

/** Layouts kept, since the same graph with other reasons has the same layout, and making one takes long. */
const MAX_KEPT = 32

/** Lays access graphs out in columns. */
export class GraphLayouts {
  readonly #kept = new Map<string, Promise<GraphLayout>>()
  readonly #thread = new LayoutThread()

  /** Lays a graph out, with kinds of things in columns in this order. */
  async layout(graph: AccessGraph, columns: readonly NodeKind[]): Promise<GraphLayout> {
    const key = JSON.stringify([
      columns,
      graph.nodes.map(({ id, kind }) => [id, kind]),
      graph.edges.map(({ from, to, verdict }) => [from, to, verdict !== undefined]),
    ])
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    const made = this.#make(graph, columns)
    this.#kept.set(key, made)
    made.catch(() => this.#kept.delete(key))
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest)
    return made
  }

  async #make(graph: AccessGraph, columns: readonly NodeKind[]): Promise<GraphLayout> {
    const place = new Map(graph.nodes.map(({ id }, at) => [id, `n${at}`]))
    const root: ElkNode = {
      id: 'graph',
      layoutOptions: OPTIONS,
      children: graph.nodes.map(({ kind }, at) => ({
        id: `n${at}`,
        width: NODE_WIDTH[kind],
        height: NODE_HEIGHT,
        layoutOptions: { 'elk.partitioning.partition': String(columns.indexOf(kind)) },
      })),
      edges: graph.edges.map(({ from, to, verdict }, at) => ({
        id: `e${at}`,
        sources: [place.get(from) ?? ''],
        targets: [place.get(to) ?? ''],
        ...(verdict === undefined ? {} : { labels: [{ text: 'verdict', width: LABEL_WIDTH, height: LABEL_HEIGHT }] }),
      })),
    }
    const { width = 0, height = 0, children = [], edges = [] } = await this.#thread.layout(root)
    return {
      width: Math.ceil(width),
      height: Math.ceil(height),
      nodes: children.map(({ x = 0, y = 0 }) => ({ x: Math.round(x), y: Math.round(y) })),
      edges: edges.map(({ sections = [], labels = [] }) => ({
        d: sections.map(pathOf).join(''),
        label: labels[0] && { x: Math.round(labels[0].x ?? 0), y: Math.round(labels[0].y ?? 0) },
      })),
    }
  }
}

interface Point {
  x: number
  y: number
}

/** Draws one section of an edge: straight where a verdict stands above it, curved before and behind. */
const pathOf = ({
  startPoint,
  bendPoints = [],
  endPoint,
}: {
  startPoint: Point
  bendPoints?: readonly Point[]
  endPoint: Point
}): string =>
  [...bendPoints, endPoint].reduce(({ d, last }, point) => ({ d: `${d}${curve(last, point)}`, last: point }), {
    d: `M${Math.round(startPoint.x)} ${Math.round(startPoint.y)}`,
    last: startPoint,
  }).d

const curve = (from: Point, to: Point): string => {
  const [x, y, middle] = [to.x, to.y, (from.x + to.x) / 2].map(Math.round)
  return Math.round(from.y) === y ? `H${x}` : `C${middle} ${Math.round(from.y)} ${middle} ${y} ${x} ${y}`
}
