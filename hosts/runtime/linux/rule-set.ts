import { runCommand } from '../process/run-command.ts'
import { tolerate, type IpFamily } from './ip-command.ts'

/**
 * Protocol number of routing rules that do not lead to a table of Portreeve's own, by which they are recognized as its.
 * ip-rule(8)
 */
const OWNER = '253'

/** Returns the text of a routing rule, as for `ip rule add`, with the mark of its owner. */
export const ownRule = (priority: number, rule: string): string => `priority ${priority} ${rule} protocol ${OWNER}`

/** Members of a routing rule that `ip -j rule` prints. */
type RuleWords = Readonly<Partial<Record<string, string | number>>>

/** Returns the text of a rule that `ip -j rule` has printed, in the order of `ownRule`. */
export const ruleText = (rule: Record<string, unknown>): string => {
  const {
    priority = 0,
    src,
    srclen,
    dst,
    dstlen,
    fwmark,
    iif,
    table,
    goto: target,
    action,
    protocol,
  } = rule as RuleWords
  const prefix = (address: string | number, length: string | number | undefined): string =>
    `${address}${length === undefined ? '' : `/${length}`}`
  return [
    `priority ${priority}`,
    'not' in rule ? 'not' : '',
    src === undefined || src === 'all' ? '' : `from ${prefix(src, srclen)}`,
    dst === undefined || dst === 'all' ? '' : `to ${prefix(dst, dstlen)}`,
    fwmark === undefined ? '' : `fwmark ${fwmark}`,
    iif === undefined ? '' : `iif ${iif}`,
    table === undefined ? '' : `lookup ${table}`,
    target === undefined ? '' : `goto ${target}`,
    'nop' in rule ? 'nop' : '',
    action === undefined ? '' : `${action}`,
    protocol === undefined ? '' : `protocol ${protocol}`,
  ]
    .filter((word) => word !== '')
    .join(' ')
}

/** Whether a printed rule has the mark of `ownRule`. */
export const isOwnRule = (rule: Record<string, unknown>): boolean => rule['protocol'] === OWNER

/** Returns the lines for `ip -batch` that make the present rules the wanted ones; what stays is not touched. */
export const ruleChanges = (wanted: readonly string[], present: readonly string[]): string[] => [
  ...wanted.filter((rule) => !present.includes(rule)).map((rule) => `rule add ${rule}`),
  ...surplus(wanted, present).map((rule) => `rule del ${rule}`),
]

/** Rules that are not wanted, or are there more than once. */
const surplus = (wanted: readonly string[], present: readonly string[]): string[] =>
  present.filter((rule, at) => !wanted.includes(rule) || present.indexOf(rule) !== at)

/** Removes rules with the mark of `ownRule`, left by any run. Returns whether there were any. */
export const removeOwnRules = async (family: IpFamily, rules: readonly Record<string, unknown>[]): Promise<boolean> => {
  const own = rules.filter(isOwnRule).map(ruleText)
  // The rules are in order of priority, so that a jump is removed before its target.
  for (const rule of own) await tolerate(runCommand('ip', [family, 'rule', 'del', ...rule.split(' ')]))
  return own.length > 0
}
