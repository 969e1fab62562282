import type { AccessGraph, NodeKind } from './access-graph.ts'
import { LABEL_WIDTH, NODE_HEIGHT, NODE_WIDTH, type GraphLayout } from './layout-graph.ts'

const HEADINGS: Readonly<Record<NodeKind, string>> = {
  person: 'People',
  group: 'Groups',
  resource: 'Resources',
  site: 'Sites',
}

/** Width that one letter of a node's name and of a verdict takes, on the wide side. */
const LETTER = 7.2
const SMALL_LETTER = 6.6
/** Room beside a node's icon, and beside a verdict's. */
const ICON_ROOM = 42
const MARK_ROOM = 20

/** Returns a graph as its template draws it: texts cut to their room, and whole in their titles. */
export const drawnGraph = (
  { nodes, edges }: AccessGraph,
  layout: GraphLayout,
  { columns, base }: { columns: readonly NodeKind[]; base: string },
): object => {
  const names = new Map(nodes.map(({ id, name }) => [id, name]))
  const drawnNodes = nodes.map(({ kind, name, detail, isPivot, isIll, leadsTo }, at) => {
    const { x = 0, y = 0 } = layout.nodes[at] ?? {}
    const room = NODE_WIDTH[kind] - ICON_ROOM
    return {
      kind,
      x,
      y,
      width: NODE_WIDTH[kind],
      height: NODE_HEIGHT,
      name: cut(name, room / LETTER),
      detail: cut(detail, room / SMALL_LETTER),
      whole: detail === '' ? name : `${name}, ${detail}`,
      look: `node${isPivot ? ' pivot' : ''}${isIll ? ' ill' : ''}`,
      url: leadsTo === undefined ? undefined : `${base}/graph?about=${leadsTo}`,
    }
  })
  return {
    width: layout.width,
    height: layout.height,
    headings: columns.flatMap((kind) => {
      const xs = drawnNodes.filter((node) => node.kind === kind).map(({ x }) => x)
      return xs.length === 0 ? [] : [{ x: Math.min(...xs), text: HEADINGS[kind] }]
    }),
    nodes: drawnNodes,
    belongings: edges.flatMap(({ verdict }, at) => (verdict === undefined ? [layout.edges[at]?.d ?? ''] : [])).join(''),
    edges: edges.flatMap(({ from, to, verdict }, at) => {
      const { d = '', label } = layout.edges[at] ?? {}
      if (verdict === undefined) return []
      const { kind, word, why, path } = verdict
      return [
        {
          kind,
          d,
          x: label?.x ?? 0,
          y: (label?.y ?? 0) + 12,
          word: cut(word, (LABEL_WIDTH - MARK_ROOM) / SMALL_LETTER),
          whole: `${names.get(from) ?? '?'} → ${names.get(to) ?? '?'}: ${word}${word.includes(why) ? '' : `, ${why}`}`,
          url: `${base}${path}`,
        },
      ]
    }),
  }
}

const LETTERS = new Intl.Segmenter('en')

/** Cuts a text to a number of letters, the last of which says so. */
const cut = (text: string, room: number): string => {
  const letters = Array.from(LETTERS.segment(text), ({ segment }) => segment)
  return letters.length <= room ? text : `${letters.slice(0, Math.floor(room) - 1).join('')}…`
}
