import type { AnswerOf } from '../api/index.ts'
import { table } from './output.ts'

type Outcome = AnswerOf<'POST /access_file'>
type Change = Outcome['changes'][number]

const SIGNS = { created: '+', updated: '~', removed: '-' } as const
const EFFECTS = {
  gains: '+ gains',
  loses: '- loses',
  appears: '· may, but not now',
  disappears: '· may no more',
  changes: '≠ elsewhere',
} as const
/** Longest value that a line shows. */
const MAX_VALUE = 120

/** Formats what an access file changes: objects, access, and tests. */
export const outcomeText = ({ changes, access, tests }: Outcome): string =>
  [
    changes.length === 0 ? 'Nothing to change.' : objectsText(changes),
    ...(access === null || changes.length === 0 ? [] : [accessText(access)]),
    ...(tests.length === 0 ? [] : [testsText(tests)]),
  ].join('\n\n')

/** Counts changes in words. */
export const changesText = ({ changes }: Outcome): string => {
  const count = (action: Change['action']): number => changes.filter((change) => change.action === action).length
  return `${count('created')} created, ${count('updated')} changed, ${count('removed')} removed`
}

const objectsText = (changes: readonly Change[]): string => {
  const rows = changes.map((change) => {
    const kind = change.kind.replace('identity_providers', 'providers')
    return [`${SIGNS[change.action]} ${kind}`, change.name, change.action === 'updated' ? membersText(change) : '']
  })
  return table([['OBJECT', 'NAME', 'CHANGE'], ...rows])
}

const membersText = ({ before, after }: Change): string =>
  Object.keys(after ?? {})
    .map((member) => `${member}: ${valueText(before?.[member])} -> ${valueText(after?.[member])}`)
    .join('; ')

const valueText = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '-')
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text
}

const accessText = ({ pairs, count, kept, is_whole: isWhole }: NonNullable<Outcome['access']>): string => {
  const keeping = `${kept} concerned ${kept === 1 ? 'pair keeps its' : 'pairs keep their'} access`
  const note = isWhole ? '' : ' Only a part was judged: there are too many pairs.'
  if (count === 0) return `Nobody gains or loses access; ${keeping}.${note}`
  const rows = pairs.map(({ effect, actor, resource, why }) => [EFFECTS[effect], actor, resource, why])
  const more = count > pairs.length ? [`and ${count - pairs.length} more`] : []
  return [table([['ACCESS', 'ACTOR', 'RESOURCE', 'BECAUSE'], ...rows]), ...more, `${keeping}.${note}`].join('\n')
}

const testsText = (tests: Outcome['tests']): string => {
  const failing = tests.filter(({ holds }) => !holds)
  if (failing.length === 0) return `${tests.length === 1 ? 'The test holds' : `All ${tests.length} tests hold`}.`
  const lines = failing.map(({ expect, why }) => `  ${expect}: it is not so (${why})`)
  return [`${failing.length} of ${tests.length} tests would not hold:`, ...lines].join('\n')
}
