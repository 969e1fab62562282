import type { PairChange } from '../../../explain/simulation.ts'
import { differenceFrom, type Difference } from '../effect/difference.ts'
import { effectView } from '../effect/effect-view.ts'
import type { AdminPage, Visit } from '../page/admin-parts.ts'
import { choicesOf } from '../page/choices.ts'
import { policyRows } from '../page/policy-rows.ts'
import { problemText } from './explain.ts'
import { CHANGE_KINDS, changeOf, changeText, changeWord } from './supposed-changes.ts'

/** Policies that the form offers at most. */
const MOST_POLICIES = 500
/** Pages of the API's answer that are read for one question. */
const MOST_PAGES = 20
const MOST_CHANGES = 32

/** The page that tells what supposed changes would do to access; nothing is changed by it. */
export const simulatePage: AdminPage = {
  path: '/simulate',
  needs: 'policies:read',
  watches: [],
  view: async (visit) => {
    const { ctx, base } = visit
    const query = new URLSearchParams(ctx.querystring)
    const field = (name: string) => query.get(name)?.trim() ?? ''
    const added = changeWord(field)
    const words = [...new Set([...query.getAll('c'), ...(added !== undefined && 'word' in added ? [added.word] : [])])]
      .filter((word) => changeOf(word) !== undefined)
      .slice(0, MOST_CHANGES)
    const supposed = { at: field('at'), address: field('address') }
    const choices = await formChoices(visit)
    const names = new Map(
      Object.values(choices).flatMap((list) => list.map(({ value, text }) => [value, text] as const)),
    )
    const answer = words.length === 0 ? undefined : await simulated(visit, words, supposed)
    return {
      template: 'simulate',
      title: 'Simulate',
      data: {
        ...supposed,
        words,
        missing: added !== undefined && 'missing' in added ? added.missing : undefined,
        changes: words.flatMap((word) => {
          const change = changeOf(word)
          if (change === undefined) return []
          const others = new URLSearchParams(
            words.filter((other) => other !== word).map((other): [string, string] => ['c', other]),
          )
          for (const [name, value] of Object.entries(supposed)) if (value !== '') others.set(name, value)
          return [
            { text: changeText(change, (id) => names.get(id) ?? id), url: `${base}/simulate?${others.toString()}` },
          ]
        }),
        kinds: CHANGE_KINDS.map(({ kind, text }) => ({ value: kind, text })),
        selects: [
          { name: 'person', label: 'Person', options: choices.people },
          { name: 'group', label: 'Group', options: choices.groups },
          { name: 'policy', label: 'Policy', options: choices.policies },
          { name: 'resource', label: 'Resource', options: choices.resources },
        ],
        problem: answer !== undefined && 'problem' in answer ? answer.problem : undefined,
        effect: answer !== undefined && 'difference' in answer ? effectView(answer.difference, base) : undefined,
        effectTitle: 'If it were so',
      },
    }
  },
}

const formChoices = async (visit: Visit) => {
  const reader = visit.parts.store.reader(visit.caller.account.id)
  const [people, groups, resources, policies] = await Promise.all([
    choicesOf(visit, 'actors'),
    choicesOf(visit, 'groups'),
    choicesOf(visit, 'resources'),
    reader.list('policies', { limit: MOST_POLICIES }),
  ])
  const rows = await policyRows(visit, policies)
  return { people, groups, resources, policies: rows.map(({ key, head }) => ({ value: key, text: head.text ?? key })) }
}

interface Simulated {
  data: PairChange[]
  kept: number
  examined: number
  concerned: number
  next_cursor: string | null
}

/** Asks the API, page by page. */
const simulated = async (
  visit: Visit,
  words: readonly string[],
  { at, address }: { at: string; address: string },
): Promise<{ difference: Difference } | { problem: string }> => {
  const time = at === '' ? undefined : Date.parse(`${at}Z`)
  if (time !== undefined && Number.isNaN(time)) return { problem: 'The moment is no time, such as 2026-12-24T18:00.' }
  const question = {
    changes: words.map(changeOf),
    ...(time === undefined ? {} : { at: new Date(time).toISOString() }),
    ...(address === '' ? {} : { remote_ip: address }),
    limit: 1000,
  }
  const pairs: PairChange[] = []
  let [kept, concerned] = [0, 0]
  let cursor: string | undefined
  for (let page = 0; page < MOST_PAGES; page++) {
    const body = { ...question, ...(cursor === undefined ? {} : { cursor }) }
    const outcome = await visit.parts.api.call<Simulated>(visit.caller, {
      method: 'POST',
      path: '/policies/simulate',
      body,
    })
    if (!outcome.ok) return { problem: problemText(outcome.problem) }
    const { data, kept: keptHere, concerned: all, next_cursor: next } = outcome.body
    pairs.push(...data)
    kept += keptHere
    concerned = all
    cursor = next ?? undefined
    if (cursor === undefined) break
  }
  return { difference: await differenceFrom(visit, { pairs, kept, concerned, isWhole: cursor === undefined }, []) }
}
