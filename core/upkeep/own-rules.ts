import { judgeForward, type ForwardedPacket, type NftChain, type NftRule } from './forward-verdict.ts'

/** Chain of a firewall of somebody else, in which a gateway may have rules. */
export interface SharedChain {
  chain: Pick<NftChain, 'name' | 'policy'>
  /** Rules of the chain's table, with own ones. */
  rules: readonly NftRule[]
  /** Those of `rules` that are the gateway's. */
  own: readonly NftRule[]
  packets: readonly ForwardedPacket[]
}

/** Answer of `judgePlace`. */
export interface PlaceVerdict {
  /** Whether own rules are needed and not there, or not where they have an effect. */
  drops: boolean
  /** Handle of the rule before which own rules have to stand; undefined for the end of the chain. */
  before: number | undefined
}

/**
 * Judges whether a chain that has a place for rules of others, as that of iptables, needs a gateway's. It needs them
 * also if rules of others let only some packets pass.
 */
export const judgePlace = ({ chain, rules, own, packets }: SharedChain): PlaceVerdict => {
  const verdicts = (those: readonly NftRule[]) => packets.map((packet) => judgeForward(chain, those, packet))
  const dropping = verdicts(rules.filter((rule) => !own.includes(rule))).filter(
    ({ verdict, endsAt }) =>
      verdict === 'drops' || (verdict === 'depends' && (chain.policy === 'drop' || endsAt !== undefined)),
  )
  return {
    drops: dropping.length > 0 && (own.length === 0 || verdicts(rules).some(({ verdict }) => verdict === 'drops')),
    before: dropping.find(({ endsAt }) => endsAt !== undefined)?.endsAt,
  }
}
