import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import { judgeForward, type NftChain, type NftRule } from '../../../core/upkeep/forward-verdict.ts'
import { judgePlace } from '../../../core/upkeep/own-rules.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { packetsThrough, RULE_OWNER } from './forwarded-packets.ts'
import type { HostPart } from './host-part.ts'
import { isObject, tolerate } from './ip-command.ts'

const OWN_TABLES = ['portreeve', 'portreeve-guard']
/** Rules with longer listings, in characters, are not read again before `REST_MS` have passed, unless chains change. */
const MAX_LISTING = 500_000
const REST_MS = 30_000

/** Base chain of somebody else that packets of clients pass. */
interface ForeignChain {
  chain: NftChain
  /** Whether rules of others have a place there, as in the chains of iptables. */
  hasPlace: boolean
  /** Own rules in it, by handle. */
  own: readonly NftRule[]
  /** Whether packets of clients are dropped there, and own rules are needed or a problem is. */
  drops: boolean
  /** Handle of the rule before which own rules have to stand; undefined for the end of the chain. */
  before: number | undefined
}

/**
 * Place of a gateway's packets in the firewalls of others. Where iptables (Docker, ufw, an operator) drops what nothing
 * accepts, two rules at the end of its chain FORWARD accept packets from the tunnel device and to it: what its rules
 * drop stays dropped. Other firewalls are left alone, and one that drops the packets is a problem.
 */
export class ForeignFirewalls implements HostPart {
  readonly name = 'rules in the firewalls of others'
  #device = ''
  /** Chains that have own rules, as texts. */
  readonly #opened = new Set<string>()
  #last: { listing: string; at: number; length: number; found: ForeignChain[] } | undefined

  /** Sets the tunnel device. */
  want(device: string): void {
    this.#device = device
    this.#last = undefined
  }

  async compare(): Promise<Comparison> {
    const found = await this.#look()
    const unopened = found.filter((one) => one.hasPlace && one.drops).map(({ chain }) => textOf(chain))
    return {
      lacking: unopened.filter((text) => this.#opened.has(text)).map((text) => `the rules in the chain ${text}`),
      problems: found.filter((one) => !one.hasPlace && one.drops).map(({ chain }) => this.#problem(chain)),
      isOutdated: unopened.length > 0,
    }
  }

  async repair(): Promise<void> {
    this.#last = undefined
    for (const { chain, hasPlace, drops, own, before } of await this.#look()) {
      if (!hasPlace || !drops) continue
      const where = textOf(chain)
      const rule = (match: string): string =>
        `${before === undefined ? `add rule ${where}` : `insert rule ${where} handle ${before}`} ${match} counter accept comment "${RULE_OWNER}"`
      await runCommand(
        'nft',
        ['-f', '-'],
        [
          ...own.map(({ handle }) => `delete rule ${where} handle ${handle}`),
          rule(`iifname "${this.#device}"`),
          rule(`oifname "${this.#device}"`),
          '',
        ].join('\n'),
      )
      this.#opened.add(where)
    }
    this.#last = undefined
  }

  /** Removes own rules, whether of this run or of one that crashed. */
  async clear(): Promise<void> {
    if (this.#device === '') return
    this.#device = ''
    this.#opened.clear()
    this.#last = undefined
    for (const { chain, own } of await this.#look().catch(nothing)) {
      for (const { handle } of own)
        await tolerate(runCommand('nft', ['delete', 'rule', ...textOf(chain).split(' '), 'handle', String(handle)]))
    }
    this.#last = undefined
  }

  problemOf(error: unknown): HostProblem {
    return {
      code: 'firewall_unknown',
      said: `whether a firewall drops packets of clients cannot be told: ${error instanceof Error ? error.message : String(error)}`,
      remedy: 'Look whether `nft list ruleset` works on this machine.',
      blocks: false,
    }
  }

  async #look(): Promise<ForeignChain[]> {
    const listing = await runCommand('nft', ['-j', 'list', 'chains'])
    const last = this.#last
    const now = performance.now()
    if (last?.listing === listing && last.length > MAX_LISTING && now - last.at < REST_MS) return last.found
    const { found, length } = await this.#judge(chainsIn(listing))
    this.#last = { listing, at: now, length, found }
    return found
  }

  /** Judges the chains; returns with them the length of the listings, in characters. */
  async #judge(chains: readonly NftChain[]): Promise<{ found: ForeignChain[]; length: number }> {
    if (chains.length === 0) return { found: [], length: 0 }
    let length = 0
    const packets = await packetsThrough(this.#device)
    const found: ForeignChain[] = []
    for (const chain of chains) {
      const text = await listingOf(chain)
      if (text === undefined) continue
      length += text.length
      const rules = rulesIn(text)
      const own = rules.filter(({ comment, chain: at }) => comment === RULE_OWNER && at === chain.name)
      const hasPlace = isOfIptables(chain)
      const { drops, before } = judgePlace({ chain, rules, own, packets })
      const isDropped = packets.some((packet) => judgeForward(chain, rules, packet).verdict === 'drops')
      found.push({ chain, hasPlace, own, drops: hasPlace ? drops : isDropped, before })
    }
    return { found, length }
  }

  #problem(chain: NftChain): HostProblem {
    const where = textOf(chain)
    const lines =
      chain.table === 'firewalld'
        ? [`firewall-cmd --permanent --zone=trusted --add-interface=${this.#device}`, 'firewall-cmd --reload']
        : [
            `nft insert rule ${where} iifname ${this.#device} accept`,
            `nft insert rule ${where} oifname ${this.#device} ct state established,related accept`,
          ]
    return {
      code: 'forward_drop',
      said: `a firewall of this machine drops the packets of clients, in the nft chain ${where}`,
      remedy: `Run ${lines.map((line) => `\`${line}\``).join(' and ')}, and keep that in the firewall’s configuration.`,
      blocks: chain.family !== 'ip6',
    }
  }
}

const nothing = (error: unknown): ForeignChain[] => {
  if (error instanceof CommandError) return []
  throw error
}

const textOf = ({ family, table, name }: NftChain): string => `${family} ${table} ${name}`

/** Whether a chain is that of iptables or ip6tables, where each program adds rules of its own. */
const isOfIptables = ({ family, table, name }: NftChain): boolean =>
  family !== 'inet' && table === 'filter' && name === 'FORWARD'

/** Returns the base chains of others for forwarded packets, from nft's list of chains. */
const chainsIn = (listing: string): NftChain[] =>
  objectsIn(listing, 'chain')
    .map(({ family, table, name, hook, policy }) => ({
      family: String(family),
      table: String(table),
      name: String(name),
      ...(typeof hook === 'string' ? { hook } : {}),
      ...(typeof policy === 'string' ? { policy } : {}),
    }))
    .filter(({ family, table, hook }) => hook === 'forward' && FAMILIES.includes(family) && !OWN_TABLES.includes(table))

const FAMILIES = ['ip', 'ip6', 'inet']

/** Lists a chain's table; undefined if it is gone meanwhile. */
const listingOf = ({ family, table }: NftChain): Promise<string | undefined> =>
  runCommand('nft', ['-j', '-a', 'list', 'table', family, table]).catch((error: unknown) => {
    if (error instanceof CommandError && /No such file or directory/.test(error.stderr)) return undefined
    throw error
  })

const rulesIn = (text: string): NftRule[] =>
  objectsIn(text, 'rule').map(({ chain, handle, comment, expr }) => ({
    chain: String(chain),
    handle: Number(handle),
    ...(typeof comment === 'string' ? { comment } : {}),
    expr: Array.isArray(expr) ? expr : [],
  }))

const objectsIn = (text: string, kind: string): Record<string, unknown>[] => {
  const { nftables = [] }: { nftables?: unknown[] } = JSON.parse(text)
  return nftables.flatMap((each) => (isObject(each) && isObject(each[kind]) ? [each[kind]] : []))
}
