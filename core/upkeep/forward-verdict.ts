// Tells from nftables' rules, as `nft -j list` prints them, whether a firewall of somebody else lets packets through
// that a gateway forwards. What cannot be told from a rule counts as possible both ways.

/** Packet that is forwarded. */
export interface ForwardedPacket {
  iif: string
  oif: string
  /** State of its connection. */
  state: 'new' | 'established'
}

/** Rule of nftables; `expr` is a list of statements. */
export interface NftRule {
  chain: string
  handle: number
  comment?: string
  expr: readonly unknown[]
}

/** Chain of nftables; one without a hook is only jumped to. */
export interface NftChain {
  family: string
  table: string
  name: string
  hook?: string
  policy?: string
}

export interface ForwardVerdict {
  /** Whether the chain certainly accepts the packet, certainly drops it, or depends on what cannot be told. */
  verdict: 'accepts' | 'drops' | 'depends'
  /** Handle of the rule of the base chain that certainly ends the way of all packets that come to it; else undefined. */
  endsAt: number | undefined
}

type Outcome = 'accept' | 'drop'
type Truth = 'yes' | 'no' | 'maybe'

interface Way {
  outcomes: Set<Outcome>
  /** Whether the packet may get to the end of the chain. */
  continues: boolean
  endsAt?: number | undefined
}

const MAX_DEPTH = 16

/** Judges a packet by a base chain and the chains of its table that it jumps to. */
export const judgeForward = (
  { name, policy }: Pick<NftChain, 'name' | 'policy'>,
  rules: readonly NftRule[],
  packet: ForwardedPacket,
): ForwardVerdict => {
  const byChain = new Map<string, NftRule[]>()
  for (const rule of rules) byChain.set(rule.chain, [...(byChain.get(rule.chain) ?? []), rule])
  const { outcomes, continues, endsAt } = follow(name, { byChain, packet }, 0)
  if (continues) outcomes.add(policy === 'drop' ? 'drop' : 'accept')
  const verdict = outcomes.size > 1 ? 'depends' : outcomes.has('drop') ? 'drops' : 'accepts'
  return { verdict, endsAt }
}

interface Ruleset {
  byChain: ReadonlyMap<string, readonly NftRule[]>
  packet: ForwardedPacket
}

/** Follows a packet through a chain. */
const follow = (chain: string, ruleset: Ruleset, depth: number): Way => {
  const outcomes = new Set<Outcome>()
  if (depth > MAX_DEPTH) return { outcomes: new Set(['accept', 'drop']), continues: true }
  for (const rule of ruleset.byChain.get(chain) ?? []) {
    const { matches, verdicts } = readRule(rule.expr, ruleset.packet)
    if (matches === 'no') continue
    let passesOn = matches === 'maybe' || verdicts.length === 0
    for (const { type, target = '' } of verdicts) {
      if (type === 'continue') passesOn = true
      if (type === 'accept' || type === 'drop') outcomes.add(type)
      if (type === 'return') {
        if (verdicts.length === 1 && matches === 'yes') return { outcomes, continues: true }
        passesOn = true
      }
      if (type !== 'jump' && type !== 'goto') continue
      const way = follow(target, ruleset, depth + 1)
      for (const outcome of way.outcomes) outcomes.add(outcome)
      passesOn ||= way.continues
    }
    if (!passesOn) return { outcomes, continues: false, endsAt: rule.handle }
  }
  return { outcomes, continues: true }
}

interface Verdict {
  type: 'accept' | 'drop' | 'return' | 'continue' | 'jump' | 'goto'
  target?: string
}

/** Statements that neither match nor end the way of a packet. */
const NEUTRAL = ['counter', 'log', 'comment', 'mangle', 'notrack', 'meta']
/** Targets of iptables, which nft names and does not translate. */
const TARGETS: Readonly<Record<string, 'drop' | 'continue'>> = {
  REJECT: 'drop',
  LOG: 'continue',
  NFLOG: 'continue',
  MARK: 'continue',
  CONNMARK: 'continue',
  TCPMSS: 'continue',
}

const readRule = (
  expressions: readonly unknown[],
  packet: ForwardedPacket,
): { matches: Truth; verdicts: readonly Verdict[] } => {
  let matches: Truth = 'yes'
  for (const expression of expressions) {
    const [[kind, value] = ['', undefined]] = entriesOf(expression)
    const verdict = verdictOf(kind, value)
    if (verdict !== undefined) return { matches, verdicts: [verdict] }
    if (kind === 'vmap') return { matches, verdicts: mapped(value, packet) }
    const truth = kind === 'match' ? truthOf(value, packet) : NEUTRAL.includes(kind) ? 'yes' : 'maybe'
    if (truth === 'no') return { matches: 'no', verdicts: [] }
    if (truth === 'maybe') matches = 'maybe'
  }
  return { matches, verdicts: [] }
}

const verdictOf = (kind: string, value: unknown): Verdict | undefined => {
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'return':
    case 'continue':
      return { type: kind }
    case 'reject':
      return { type: 'drop' }
    case 'xt': {
      const target = fieldOf(value, 'type') === 'target' ? TARGETS[String(fieldOf(value, 'name'))] : undefined
      return target && { type: target }
    }
    case 'jump':
    case 'goto':
      return { type: kind, target: String(fieldOf(value, 'target')) }
    default:
      return undefined
  }
}

/** Verdicts of a map by key, of which one applies: those whose key may be the packet's, and that there is none. */
const mapped = (value: unknown, packet: ForwardedPacket): Verdict[] => {
  const set = fieldOf(fieldOf(value, 'data'), 'set')
  if (!Array.isArray(set)) return [{ type: 'accept' }, { type: 'drop' }, { type: 'continue' }]
  const found: Verdict[] = []
  for (const pair of set as unknown[]) {
    const [key, statement] = Array.isArray(pair) ? (pair as unknown[]) : []
    const truth = truthOf({ op: '==', left: fieldOf(value, 'key'), right: key }, packet)
    const [[kind, target] = ['', undefined]] = entriesOf(statement)
    const verdict = verdictOf(kind, target)
    if (truth === 'yes') return [verdict ?? { type: 'continue' }]
    if (truth === 'maybe' && verdict !== undefined) found.push(verdict)
  }
  return [...found, { type: 'continue' }]
}

const truthOf = (match: unknown, { iif, oif, state }: ForwardedPacket): Truth => {
  const [op, left, right] = [fieldOf(match, 'op'), fieldOf(match, 'left'), fieldOf(match, 'right')]
  const device = { iifname: iif, iif, oifname: oif, oif }[String(fieldOf(fieldOf(left, 'meta'), 'key'))]
  const isState = fieldOf(fieldOf(left, 'ct'), 'key') === 'state'
  if (device === undefined && !isState) return 'maybe'
  const values = valuesOf(right)
  if (values === undefined) return 'maybe'
  const own = device ?? state
  const isOne = values.some((value) =>
    device !== undefined && value.endsWith('*') ? own.startsWith(value.slice(0, -1)) : value === own,
  )
  return isOne === (op !== '!=') ? 'yes' : 'no'
}

/** Returns the values that a match compares with; undefined for those of a named set. */
const valuesOf = (right: unknown): string[] | undefined => {
  const list = Array.isArray(right) ? (right as unknown[]) : fieldOf(right, 'set')
  const values = Array.isArray(list) ? (list as unknown[]) : [right]
  return values.every((value) => typeof value === 'string' && !value.startsWith('@')) ? values.map(String) : undefined
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [['', undefined]]
