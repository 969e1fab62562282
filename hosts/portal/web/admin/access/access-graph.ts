import type { PersonAccess } from '../../../explain/person-access.ts'
import { utcText } from '../../../../../core/runtime/utc-text.ts'

export type NodeKind = 'person' | 'group' | 'resource' | 'site'

/** One thing in the access graph. */
export interface GraphNode {
  id: string
  kind: NodeKind
  name: string
  /** Second line, such as an address. */
  detail: string
  isPivot: boolean
  /** Whether something is wrong with it: a site without a connected gateway. */
  isIll: boolean
  /** Pivot to which the node leads; undefined for several things folded into one node. */
  leadsTo: string | undefined
}

/** Verdict of an edge: allowed, denied, not now but later, or that of a policy in shadow mode. */
export interface EdgeVerdict {
  kind: 'yes' | 'no' | 'wait' | 'shadow'
  word: string
  why: string
  /** Policies behind it, by their names. */
  policies: readonly { id: string; name: string }[]
  /** Address below the account's `/admin` that explains it. */
  path: string
}

/** Line between two things: belonging, or access with its verdict. */
export interface GraphEdge {
  from: string
  to: string
  verdict?: EdgeVerdict
}

export interface AccessGraph {
  nodes: readonly GraphNode[]
  edges: readonly GraphEdge[]
}

/** Words of the kinds of verdicts. */
export const VERDICT_WORDS = { yes: 'allowed', no: 'denied', wait: 'not now', shadow: 'shadow' } as const

/** Returns the verdict on one person's access to a resource, and its reason. */
export const verdictOf = ({
  isAllowed,
  until,
  again,
  ways,
  text,
}: PersonAccess): Pick<EdgeVerdict, 'kind' | 'word' | 'why'> => {
  if (isAllowed) {
    const end = until === undefined ? undefined : `until ${utcText(until)}`
    return {
      kind: 'yes',
      word: end === undefined ? 'allowed' : `allowed ${end}`,
      why: end ?? 'until something changes',
    }
  }
  const why = ways[0]?.obstacles.join('; ') ?? text
  if (again === undefined) return { kind: 'no', word: `denied: ${why}`, why }
  return { kind: 'wait', word: `not now: opens ${utcText(again)}`, why: `${why}; opens ${utcText(again)}` }
}

/** Order of verdicts in the table: what is not allowed first. */
const RANK = { no: 0, wait: 1, shadow: 2, yes: 3 } as const

/** Returns the edges that have a verdict, those that are not allowed first. */
export const judgedEdges = ({ edges }: AccessGraph): (GraphEdge & { verdict: EdgeVerdict })[] =>
  edges
    .flatMap((edge) => (edge.verdict === undefined ? [] : [{ ...edge, verdict: edge.verdict }]))
    .toSorted((a, b) => RANK[a.verdict.kind] - RANK[b.verdict.kind])
