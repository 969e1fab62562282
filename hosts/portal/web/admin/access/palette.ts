import type { AdminPage, Visit } from '../page/admin-parts.ts'
import { SITE_MAP } from '../page/site-map.ts'
import { reasonOf, sentenceOf, type Explained } from './explained.ts'
import { namedRows, type NamedHit } from './named-rows.ts'
import { paletteActs } from './palette-acts.ts'

/** Lines of each list. */
const MOST_ANSWERS = 3
const MOST_HITS = 10
const MOST_ACTS = 6
/** Words of which a question is made at most: each place between two of them is tried. */
const MOST_WORDS = 6

/** The page that finds anything by a part of its name, and answers a person and a resource in one line. */
export const palettePage: AdminPage = {
  path: '/find',
  needs: 'explain:read',
  watches: [],
  view: async (visit) => {
    const { query, base } = visit
    const asked = (query['q'] ?? '').trim().slice(0, 200)
    const words = asked
      .split(/\s+/)
      .filter((word) => word !== '')
      .slice(0, MOST_WORDS)
    const answers = words.length < 2 ? [] : await answersTo(visit, words)
    const hits = words.length === 0 ? [] : await hitsOf(visit, words)
    return {
      template: 'palette',
      title: 'Find or ask',
      data: {
        asked,
        isPalette: true,
        lists: [
          { heading: 'Answer', lines: answers },
          {
            heading: 'Go to',
            lines: [
              ...hits.map(({ kind, name, detail, path }) => ({
                icon: kind,
                text: name,
                detail,
                kind,
                url: `${base}${path}`,
              })),
              ...pagesNamed(visit, asked),
            ],
          },
          {
            heading: 'Do',
            lines: paletteActs(visit, asked, hits)
              .slice(0, MOST_ACTS)
              .map(({ icon, text, path }) => ({ icon, text, url: `${base}${path}` })),
          },
        ].filter(({ lines }) => lines.length > 0),
      },
    }
  },
}

/** Finds by the whole text, and where that finds nothing by each word. */
const hitsOf = async (visit: Visit, words: readonly string[]): Promise<NamedHit[]> => {
  const whole = await namedRows(visit, words.join(' '), MOST_HITS)
  if (whole.length > 0 || words.length === 1) return whole.slice(0, MOST_HITS)
  const lists = await Promise.all(words.map(async (word) => namedRows(visit, word, 3)))
  const unique = new Map(lists.flat().map((hit) => [hit.id, hit]))
  return [...unique.values()].slice(0, MOST_HITS)
}

const pagesNamed = ({ base, parts, may }: Visit, asked: string) =>
  SITE_MAP.flatMap(({ entries }) => entries)
    .filter(
      ({ text, path, needs }) =>
        may(needs) && parts.pagePaths.has(path) && text.toLowerCase().includes(asked.toLowerCase()),
    )
    .map(({ text, path }) => ({ icon: 'columns', text, detail: '', kind: 'page', url: `${base}${path}` }))

/** Takes the words for a person and a resource, in either order, and asks the evaluator. */
const answersTo = async (visit: Visit, words: readonly string[]) => {
  const { parts, caller, base } = visit
  const reader = parts.store.reader(caller.account.id)
  for (let at = 1; at < words.length; at++) {
    const halves = [words.slice(0, at).join(' '), words.slice(at).join(' ')] as const
    for (const [who, what] of [halves, halves.toReversed()]) {
      const [people, resources] = await Promise.all([
        reader.find('actors', { search: who ?? '', limit: 2 }),
        reader.find('resources', { search: what ?? '', limit: 2 }),
      ])
      const pairs = people.rows.flatMap(({ id: actor }) =>
        resources.rows.map(({ id: resource }) => ({ actor, resource })),
      )
      if (pairs.length === 0) continue
      const outcomes = await Promise.all(
        pairs
          .slice(0, MOST_ANSWERS)
          .map(async (body) => parts.api.call<Explained>(caller, { method: 'POST', path: '/policies/explain', body })),
      )
      return outcomes.flatMap((outcome) => {
        if (!outcome.ok) return []
        const { body } = outcome
        return [
          {
            icon: body.is_allowed ? 'yes' : body.again === null ? 'no' : 'wait',
            text: sentenceOf(body),
            detail: reasonOf(body),
            kind: '',
            url: `${base}/explain?actor=${body.actor.id}&resource=${body.resource.id}`,
          },
        ]
      })
    }
  }
  return []
}
