import { readFile } from 'node:fs/promises'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import { readIptables, type IptablesRule } from '../../../core/upkeep/iptables-rules.ts'
import { judgePlace, type PlaceVerdict } from '../../../core/upkeep/own-rules.ts'
import type { Comparison } from '../../../core/upkeep/reconciler.ts'
import { CommandError, runCommand } from '../process/run-command.ts'
import { packetsThrough, RULE_OWNER } from './forwarded-packets.ts'
import type { HostPart } from './host-part.ts'
import { tolerate } from './ip-command.ts'

/** Older iptables of one address family: a filter in the kernel beside nftables, which nft does not list. */
interface Legacy {
  program: 'iptables' | 'ip6tables'
  /** File with the names of the tables that this network namespace has. */
  names: string
}

const FAMILIES: readonly Legacy[] = [
  { program: 'iptables', names: '/proc/net/ip_tables_names' },
  { program: 'ip6tables', names: '/proc/net/ip6_tables_names' },
]
const CHAIN = 'FORWARD'
/** Waits for others that change the rules, for at most five seconds. */
const WAIT = ['-w', '5']

interface Found extends PlaceVerdict {
  /** Command that changes the rules: `iptables-legacy`, or `iptables` where that is the older one. */
  command: string
  rules: readonly IptablesRule[]
  own: readonly IptablesRule[]
}

/**
 * Place of a gateway's packets in the older iptables. Where it drops what nothing accepts, two rules at the end of its
 * chain FORWARD accept packets from the tunnel device and to it. Looks only at tables that are there: listing one would
 * make it.
 */
export class LegacyFirewall implements HostPart {
  readonly name = 'rules in the older iptables'
  /** Nothing reports changes of the older iptables. Where it is not used, a comparison reads two small files. */
  readonly isUnwatched = true
  #device = ''
  /** Commands in whose chain own rules are. */
  readonly #opened = new Set<string>()

  /** Sets the tunnel device. */
  want(device: string): void {
    this.#device = device
  }

  async compare(): Promise<Comparison> {
    const unopened = (await this.#look()).filter(({ drops }) => drops).map(({ command }) => command)
    return {
      lacking: unopened
        .filter((command) => this.#opened.has(command))
        .map((command) => `the rules in the chain ${CHAIN} of ${command}`),
      problems: [],
      isOutdated: unopened.length > 0,
    }
  }

  async repair(): Promise<void> {
    for (const { command, drops, before, own } of await this.#look()) {
      if (!drops) continue
      await remove(command, own)
      const earlier = own.filter(({ handle }) => before !== undefined && handle < before).length
      let at = before === undefined ? undefined : before - earlier
      for (const option of ['-i', '-o']) {
        const place = at === undefined ? ['-A', CHAIN] : ['-I', CHAIN, String(at++)]
        await runCommand(command, [...WAIT, ...place, option, this.#device, ...ACCEPT])
      }
      this.#opened.add(command)
    }
  }

  /** Removes own rules, whether of this run or of one that crashed. */
  async clear(): Promise<void> {
    if (this.#device === '') return
    this.#device = ''
    this.#opened.clear()
    for (const { command, own } of await this.#look().catch(nothing)) await tolerate(remove(command, own))
  }

  problemOf(error: unknown): HostProblem {
    const device = this.#device
    const lines = error instanceof NoProgramError ? error.families : FAMILIES.map(({ program }) => program)
    return {
      code: 'firewall_unknown',
      said: `whether the older iptables drops packets of clients cannot be told: ${error instanceof Error ? error.message : String(error)}`,
      remedy: `Install iptables-legacy (the package iptables), or run where it is ${lines
        .flatMap((program) => [
          `\`${program}-legacy -I ${CHAIN} -i ${device} -j ACCEPT\``,
          `\`${program}-legacy -I ${CHAIN} -o ${device} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\``,
        ])
        .join(' and ')}.`,
      blocks: false,
    }
  }

  async #look(): Promise<Found[]> {
    const used: Legacy['program'][] = []
    for (const family of FAMILIES) if (await hasFilter(family.names)) used.push(family.program)
    if (used.length === 0) return []
    const packets = await packetsThrough(this.#device)
    const found: Found[] = []
    for (const program of used) {
      const command = await legacyOf(program)
      if (command === undefined) throw new NoProgramError(used)
      const { rules, policies } = readIptables(await runCommand(command, [...WAIT, '-S']))
      const own = rules.filter(({ comment, chain }) => comment === RULE_OWNER && chain === CHAIN)
      const chain = { name: CHAIN, policy: policies.get(CHAIN) ?? 'accept' }
      found.push({ command, rules, own, ...judgePlace({ chain, rules, own, packets }) })
    }
    return found
  }
}

/** Error of a machine whose kernel filters with the older iptables, and that lacks the program. */
class NoProgramError extends Error {
  override readonly name = 'NoProgramError'

  constructor(readonly families: readonly string[]) {
    super('the kernel has its table filter, and this machine has no iptables-legacy')
  }
}

const ACCEPT = ['-m', 'comment', '--comment', RULE_OWNER, '-j', 'ACCEPT']

/** Removes rules by what they say, not by number, as others may change the chain meanwhile. */
const remove = async (command: string, rules: readonly IptablesRule[]): Promise<void> => {
  for (const { chain, args } of rules) await tolerate(runCommand(command, [...WAIT, '-D', chain, ...args]))
}

/** Whether this network namespace has a table filter of the older iptables. */
const hasFilter = async (names: string): Promise<boolean> => {
  try {
    return (await readFile(names, 'latin1')).split('\n').includes('filter')
  } catch {
    return false // the kernel's module is not there, or only root may know
  }
}

/** Returns the command of the older iptables; undefined if there is none, or only that for nftables. */
const legacyOf = async (program: Legacy['program']): Promise<string | undefined> => {
  for (const command of [`${program}-legacy`, program]) {
    const version = await runCommand(command, ['--version']).catch(nothing)
    if (typeof version === 'string' && !version.includes('nf_tables')) return command
  }
  return undefined
}

const nothing = (error: unknown): never[] => {
  if (error instanceof CommandError || error instanceof NoProgramError) return []
  throw error
}
