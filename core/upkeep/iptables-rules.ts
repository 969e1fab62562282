// Reads the rules of the older iptables, as `iptables-legacy -S` prints them, in the form in which nft has its own, so
// that one judgement (forward-verdict.ts) serves both.
import type { NftRule } from './forward-verdict.ts'

/** Rule of the older iptables. Its handle is its number in its chain, from 1. */
export interface IptablesRule extends NftRule {
  /** Arguments that follow the chain's name, for `iptables -D`. */
  args: readonly string[]
}

/** Rules and policies of the table filter. */
export interface IptablesRules {
  rules: readonly IptablesRule[]
  /** Policies of the base chains, in lower case, by chain: `drop`. */
  policies: ReadonlyMap<string, string>
}

/** Reads the output of `iptables-legacy -S`. What is not known in a rule counts as a match that cannot be told. */
export const readIptables = (listing: string): IptablesRules => {
  const lines = listing.split('\n').map(wordsOf)
  const policies = new Map<string, string>()
  const chains = new Set<string>()
  const lengths = new Map<string, number>()
  for (const [option, chain = '', policy = ''] of lines) {
    if (option === '-P') policies.set(chain, policy.toLowerCase())
    if (option === '-N') chains.add(chain)
  }
  const rules = lines.flatMap(([option, chain = '', ...args]): IptablesRule[] => {
    if (option !== '-A') return []
    const handle = (lengths.get(chain) ?? 0) + 1
    lengths.set(chain, handle)
    return [{ chain, handle, args, ...readRule(args, chains) }]
  })
  return { rules, policies }
}

/** Extensions whose name alone matches everything: what they compare stands in an option of its own. */
const BARE_MATCHES = ['comment', 'conntrack', 'state', 'tcp', 'udp']
const VERDICTS: Readonly<Record<string, object>> = {
  ACCEPT: { accept: null },
  DROP: { drop: null },
  RETURN: { return: null },
}
const UNKNOWN = { unknown: null }

const readRule = (args: readonly string[], chains: ReadonlySet<string>): Pick<NftRule, 'comment' | 'expr'> => {
  const expr: object[] = []
  let comment: string | undefined
  let op = '=='
  for (let at = 0; at < args.length; at++) {
    const option = args[at]
    if (option === '!') {
      op = '!='
      continue
    }
    const value = args[++at] ?? ''
    if (option === '-j' || option === '-g') {
      // Options that follow are the target's.
      expr.push(targetOf(value, { chains, isGoto: option === '-g' }))
      break
    }
    if (option === '--comment') comment = value
    else if (option === '-i') expr.push(match({ meta: { key: 'iifname' } }, value.replace(/\+$/, '*'), op))
    else if (option === '-o') expr.push(match({ meta: { key: 'oifname' } }, value.replace(/\+$/, '*'), op))
    else if (option === '--ctstate' || option === '--state')
      expr.push(match({ ct: { key: 'state' } }, value.toLowerCase().split(','), op))
    else if (option !== '-m' || !BARE_MATCHES.includes(value)) {
      expr.push(UNKNOWN)
      // A match that is not known may have options without values, so that words do not come in pairs any more.
      while (at + 1 < args.length && !/^(!|-[a-z])$/.test(args[at + 1] ?? '')) at++
    }
    op = '=='
  }
  return { expr, ...(comment === undefined ? {} : { comment }) }
}

const match = (left: object, right: string | readonly string[], op: string): object => ({ match: { op, left, right } })

const targetOf = (name: string, { chains, isGoto }: { chains: ReadonlySet<string>; isGoto: boolean }): object => {
  if (chains.has(name)) return isGoto ? { goto: { target: name } } : { jump: { target: name } }
  return VERDICTS[name] ?? { xt: { type: 'target', name } }
}

/** Splits a line at blanks, except within double quotes, in which a backslash precedes a quote or a backslash. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '',
  )
