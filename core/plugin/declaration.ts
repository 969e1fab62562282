import { OperatorError } from '../config/operator-error.ts'
import type { PointName } from '../contract/contracts.ts'
import { BUILT_IN_FACTS, type About, type Reads } from '../contract/facts.ts'
import type { Schema } from '../contract/schema.ts'
import type { Token } from '../di.ts'
import { DAY, SECOND } from '../runtime/time.ts'

/**
 * Declaration that a plugin passes to `provide`, with its members checked. A plugin in JavaScript has not been checked
 * by a compiler.
 */
export interface CheckedDeclaration {
  settings: Schema<unknown> | undefined
  needs: Readonly<Record<string, Token<unknown>>>
  facts: Readonly<Record<string, Reads<unknown>>>
  candidateFacts: Readonly<Record<string, Reads<unknown>>>
  keep: Schema<unknown> | undefined
  create: (needs: object) => unknown
  /** Fact that a fact source brings, with its interval and the time for which it is believed. */
  brings: { fact: Reads<unknown>; everyMs: number; goodForMs: number } | undefined
}

/**
 * Checks a declaration that a plugin passes to `provide`. Error texts begin with `source`; `brought` are the facts that plugins bring,
 * absent where the host has checked already which facts there are.
 * @throws OperatorError PLUGIN_SETUP_FAILED, PLUGIN_FACT_UNKNOWN
 */
export const checkDeclaration = (
  point: PointName,
  declaration: unknown,
  { source, brought }: { source: string; brought?: ReadonlyMap<string, Reads<unknown>> },
): CheckedDeclaration => {
  const wrong = (what: string): OperatorError =>
    new OperatorError('PLUGIN_SETUP_FAILED', `${source}: ${what}.`, 'Install a version of the plugin that fits.')
  if (typeof declaration !== 'object' || declaration === null) {
    throw wrong('what it provides is no declaration { settings, needs, facts, create }')
  }
  const foreign = Object.keys(declaration).filter((member) => !MEMBERS[point].includes(member))
  if (foreign.length > 0) throw wrong(`a declaration at ${point} has no member ${foreign.join(', ')}`)
  const { settings, needs, facts, candidateFacts, keep, create } = declaration as Record<string, unknown>
  if (typeof create !== 'function') throw wrong('its create is no function')
  const record = <T>(name: string, value: unknown, isOne: (each: unknown) => each is T): Record<string, T> => {
    const members: [string, unknown][] = Object.entries(value ?? {})
    const other = members.find(([, each]) => !isOne(each))
    if (other !== undefined) throw wrong(`${name}.${other[0]} is no token`)
    return Object.fromEntries(members) as Record<string, T>
  }
  const read = (name: string, value: unknown, about: About): Record<string, Reads<unknown>> => {
    const declared = record(name, value, isFactToken)
    for (const [as, fact] of Object.entries(declared)) {
      if (brought === undefined) continue
      if (BUILT_IN_FACTS.get(fact.name)?.about === about) continue
      const other = about === 'request' ? brought.get(fact.name) : undefined
      if (other !== undefined && other.by?.name === fact.by?.name && other.from === fact.from) continue
      throw unknownFact(`${source}: ${name}.${as}`, fact, { about, other })
    }
    return declared
  }
  return {
    settings: settings as Schema<unknown> | undefined,
    needs: record('needs', needs, (each): each is Token<unknown> => typeof each === 'symbol'),
    facts: read('facts', facts, 'request'),
    candidateFacts: read('candidateFacts', candidateFacts, 'candidate'),
    keep: keep as Schema<unknown> | undefined,
    create: create as CheckedDeclaration['create'],
    brings: point === 'fact-sources' ? freshnessOf(declaration, wrong) : undefined,
  }
}

const unknownFact = (
  where: string,
  { name }: Reads<unknown>,
  { about, other }: { about: About; other: Reads<unknown> | undefined },
): OperatorError => {
  const known = BUILT_IN_FACTS.get(name)
  const [what, remedy] =
    known !== undefined
      ? [`no fact of a ${about} but of a ${known.about}`, 'Selectors read facts of candidates, in candidateFacts.']
      : about === 'candidate'
        ? ['no fact of a candidate', 'What plugins bring is read in facts.']
        : other !== undefined
          ? [
              `brought here, but ${other.by === undefined ? 'said by clients' : `looked up by ${other.by.name}`}`,
              'Install versions of the two plugins that fit each other.',
            ]
          : ['brought by no plugin that is listed here', 'Add the plugin that brings it to plugins.']
  return new OperatorError('PLUGIN_FACT_UNKNOWN', `${where} is ${name}, which is ${what}.`, remedy)
}

/** Least interval of refreshes. */
const MIN_EVERY_MS = 100
/** Least time for which a fact that a client says is believed: it has to outlast a change of networks. */
const MIN_SAID_FOR_MS = 30 * SECOND
/** Longest time for which a snapshot may be believed. */
const MAX_GOOD_FOR_MS = 366 * DAY

const freshnessOf = (declaration: object, wrong: (what: string) => OperatorError): CheckedDeclaration['brings'] => {
  const { fact, everyMs, goodForMs } = declaration as Record<string, unknown>
  if (!isFactToken(fact)) throw wrong('its fact is no token')
  if (typeof everyMs !== 'number' || !(everyMs >= MIN_EVERY_MS))
    throw wrong(`its everyMs is not at least ${MIN_EVERY_MS}`)
  if (typeof goodForMs !== 'number' || !(goodForMs >= everyMs)) throw wrong('its goodForMs is not at least everyMs')
  if (fact.from === 'client' && goodForMs < MIN_SAID_FOR_MS)
    throw wrong(`its goodForMs is not at least ${MIN_SAID_FOR_MS}, since clients say its fact over the network`)
  if (goodForMs > MAX_GOOD_FOR_MS) throw wrong('its goodForMs is more than a year')
  return { fact, everyMs, goodForMs }
}

/** First labels of facts that plugins cannot bring: those that hosts know, and some that a later host may know. */
export const RESERVED_FACT_LABELS: ReadonlySet<string> = new Set(
  [...BUILT_IN_FACTS.keys(), 'account', 'group', 'policy', 'portal', 'request', 'tunnel'].map(
    (name) => name.split('.')[0] ?? '',
  ),
)

/** Valid name of a fact that a plugin brings: `oncall.duty`, `disk_state.is_encrypted`. */
const FACT_NAME = /^(?=.{1,100}$)[a-z][a-z\d]*(?:_[a-z\d]+)*\.[a-z][a-z\d]*(?:_[a-z\d]+)*$/

/**
 * Checks the name of the fact that a declaration brings, and returns the fact; undefined where it brings none.
 * @throws OperatorError PLUGIN_FACT_NAME
 */
export const broughtFact = (point: PointName, declaration: unknown, source: string): Reads<unknown> | undefined => {
  const fact = (declaration as { fact?: unknown } | null | undefined)?.fact
  if (point !== 'fact-sources' || !isFactToken(fact)) return undefined
  const isOwn = FACT_NAME.test(fact.name) && !RESERVED_FACT_LABELS.has(fact.name.split('.')[0] ?? '')
  const { by, from } = fact
  const isKeyed = from === 'portal' && by !== undefined && BUILT_IN_FACTS.get(by.name)?.about === 'request'
  const isSaid = from === 'client' && by === undefined
  if (isOwn && (isKeyed || isSaid)) return fact
  throw new OperatorError(
    'PLUGIN_FACT_NAME',
    isOwn
      ? `${source}: the fact ${fact.name} is looked up by no fact of a request that hosts know, and said by no client.`
      : `${source}: a fact cannot be named ${fact.name}: a label of the plugin's own, a dot, a second label, as oncall.duty or disk_state.is_encrypted. Hosts keep ${[...RESERVED_FACT_LABELS].join(', ')}.`,
    'Install a version of the plugin that fits.',
  )
}

/** Lists the methods of an extension point that an implementation lacks, or has as something else. */
export const missingMethods = (point: PointName, value: unknown): string[] => {
  const memberOf = (name: string): unknown => (value as Record<string, unknown> | null | undefined)?.[name]
  const present = (OPTIONAL_METHODS[point] ?? []).filter((name) => memberOf(name) !== undefined)
  return [...METHODS[point], ...present].filter((name) => typeof memberOf(name) !== 'function')
}

/** Whether implementations at an extension point have settings. */
export const hasSettings = (point: PointName): boolean => MEMBERS[point].includes('settings')

const isFactToken = (value: unknown): value is Reads<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as Reads<unknown>).name === 'string'

const MEMBERS: Readonly<Record<PointName, readonly string[]>> = {
  'identity-providers': ['settings', 'needs', 'keep', 'create'],
  'policy-conditions': ['settings', 'needs', 'facts', 'create'],
  'upstream-resolvers': ['settings', 'needs', 'create'],
  'gateway-selectors': ['settings', 'needs', 'facts', 'candidateFacts', 'create'],
  'tunnel-transports': ['needs', 'create'],
  'fact-sources': ['fact', 'everyMs', 'goodForMs', 'needs', 'create'],
  'relay-providers': ['needs', 'create'],
}

const METHODS: Readonly<Record<PointName, readonly string[]>> = {
  'identity-providers': ['begin', 'proceed'],
  'policy-conditions': ['evaluate'],
  'upstream-resolvers': ['resolve'],
  'gateway-selectors': ['select'],
  'tunnel-transports': ['generateKeys', 'publicKey', 'createTunnel'],
  'fact-sources': ['refresh'],
  'relay-providers': ['relays', 'credentials'],
}

const OPTIONAL_METHODS: Readonly<Partial<Record<PointName, readonly string[]>>> = {
  'identity-providers': ['signOut'],
  'relay-providers': ['watch'],
}
