import type { PairChange } from '../../../explain/simulation.ts'
import { differenceFrom, type Difference } from '../effect/difference.ts'
import { effectView } from '../effect/effect-view.ts'
import type { AdminPage, Visit } from '../page/admin-parts.ts'
import { findChoices, MOST_CHOICES, type ChoiceKind } from '../page/choices.ts'
import { policyRows } from '../page/policy-rows.ts'
import { problemText } from './explain.ts'
import { CHANGE_KINDS, changeOf, changeText, changeWord } from './supposed-changes.ts'

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
    const choices = await formChoices(visit, (name) => field(`find.${name}`).slice(0, 200))
    const names = await namesOf(visit, words)
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
          { label: 'Person', ...choices.person },
          { label: 'Group', ...choices.group },
          { label: 'Policy', ...choices.policy },
          { label: 'Resource', ...choices.resource },
        ],
        problem: answer !== undefined && 'problem' in answer ? answer.problem : undefined,
        effect: answer !== undefined && 'difference' in answer ? effectView(answer.difference, base) : undefined,
        effectTitle: 'If it were so',
      },
    }
  },
}

/** Finds what the form offers, each kind by what was typed beside it. */
const formChoices = async (visit: Visit, searchFor: (name: string) => string) => {
  const reader = visit.parts.store.reader(visit.caller.account.id)
  const find = async (name: string, kind: ChoiceKind) => ({
    name,
    search: searchFor(name),
    ...(await findChoices(visit, kind, { search: searchFor(name) })),
  })
  const search = searchFor('policy')
  const [person, group, resource, { rows }, { total }] = await Promise.all([
    find('person', 'actors'),
    find('group', 'groups'),
    find('resource', 'resources'),
    reader.find('policies', { search, limit: MOST_CHOICES }),
    reader.count('policies', { search }),
  ])
  const options = (await policyRows(visit, rows)).map(({ key, head }) => ({ value: key, text: head.text ?? key }))
  const isLarge = search !== '' || total > MOST_CHOICES
  return { person, group, resource, policy: { name: 'policy', search, options, more: total - rows.length, isLarge } }
}

/** Reads the names of what supposed changes are about. */
const namesOf = async (visit: Visit, words: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  const reader = visit.parts.store.reader(visit.caller.account.id)
  const ids = new Set(words.flatMap((word) => word.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []))
  const named = [...ids].map(async (id): Promise<[string, string]> => {
    for (const kind of ['actors', 'groups', 'resources'] as const) {
      const row = await reader.get(kind, id)
      if (row !== undefined) return [id, row.name]
    }
    const policy = await reader.get('policies', id)
    const [row] = policy === undefined ? [] : await policyRows(visit, [policy])
    return [id, row?.head.text ?? id]
  })
  return new Map(await Promise.all(named))
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
