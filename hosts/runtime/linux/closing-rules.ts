import { existsSync } from 'node:fs'
import { runCommand } from '../process/run-command.ts'
import type { ForwardedFamily } from './forwarding-switches.ts'
import { askIp, type IpFamily } from './ip-command.ts'
import { isOwnRule, ownRule, ruleChanges, ruleText } from './rule-set.ts'

/**
 * Priorities of the rules, right before the one of the main table (32766), so that rules of other programs go first.
 */
const OPEN = 32_700
const CLOSED = 32_701
const END = 32_702

const FLAGS: Readonly<Record<ForwardedFamily, IpFamily>> = { ipv4: '-4', ipv6: '-6' }

/**
 * Routing rules that keep a machine from forwarding for others in a family that only a gateway has switched on: what
 * arrives on a device other than the tunnel's, and is not for the machine itself, finds no route. They stay in force
 * while nft's rules are flushed, and after a crash.
 */
export class ClosingRules {
  readonly #wanted = new Map<ForwardedFamily, string[]>()

  /** Makes the rules match: `routers` are devices that forwarded IPv4 before. */
  async set(
    device: string,
    { closed, routers }: { closed: readonly ForwardedFamily[]; routers: readonly string[] },
  ): Promise<void> {
    for (const family of families()) {
      const open = [device, ...(family === 'ipv4' ? routers : [])]
      const rules = [
        ownRule(END, 'nop'),
        ...open.map((each) => ownRule(OPEN, `iif ${each} goto ${END}`)),
        ownRule(CLOSED, 'not iif lo blackhole'),
      ]
      await this.#change(family, closed.includes(family) ? rules : [])
    }
  }

  /** Returns words for the rules that are not there. */
  async lacking(): Promise<string[]> {
    const found: string[] = []
    for (const [family, wanted] of this.#wanted) {
      const present = await presentRules(family)
      const lost = wanted.filter((rule) => !present.includes(rule))
      if (lost.length > 0) found.push(`the rules that keep the machine from routing for others (${family})`)
    }
    return found
  }

  /** Removes the rules, whether of this run or of one that crashed. */
  async clear(): Promise<void> {
    for (const family of families()) await this.#change(family, [])
    this.#wanted.clear()
  }

  async #change(family: ForwardedFamily, wanted: readonly string[]): Promise<void> {
    this.#wanted.set(family, [...wanted])
    const lines = ruleChanges(wanted, await presentRules(family))
    if (lines.length > 0) await runCommand('ip', [FLAGS[family], '-batch', '-'], `${lines.join('\n')}\n`)
  }
}

const families = (): ForwardedFamily[] => (existsSync('/proc/sys/net/ipv6/conf/all') ? ['ipv4', 'ipv6'] : ['ipv4'])

const presentRules = async (family: ForwardedFamily): Promise<string[]> => {
  const [rules = []] = await askIp(FLAGS[family], ['rule show'])
  return rules.filter((rule) => isOwnRule(rule) && PRIORITIES.includes(Number(rule['priority']))).map(ruleText)
}

const PRIORITIES: readonly number[] = [OPEN, CLOSED, END]
