import { Facts } from '../../../../../core/contract/facts.ts'
import type { AdminPage, LivePart, Visit } from '../page/admin-parts.ts'
import { findChoices, MOST_CHOICES, type Choice } from '../page/choices.ts'
import { shownTime } from '../../http/shown-time.ts'
import type { Problem } from '../../http/problem.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'
import { sentenceOf, type Explained } from './explained.ts'
import { waysIn, type WayIn } from './ways-in.ts'

/** The page that answers one question: may this person use this resource, and why. */
export const explainPage: AdminPage = {
  path: '/explain',
  needs: 'explain:read',
  watches: ['actors', 'groups', 'memberships', 'policies', 'resources', 'clients', 'gateways', 'identity_providers'],
  view: async (visit) => {
    const { query, base } = visit
    const asked = {
      actor: query['actor'] ?? '',
      resource: query['resource'] ?? '',
      client_id: query['device'] ?? '',
      remote_ip: query['address'] ?? '',
      port: query['port'] ?? '',
    }
    const answer = asked.actor === '' || asked.resource === '' ? undefined : await answerOf(visit, asked)
    const live: LivePart[] =
      answer === undefined
        ? []
        : [
            {
              id: 'answer',
              template: 'explain-answer',
              data: {
                ...answer,
                base,
                mayChange: visit.may('policies:write'),
                mayReadPolicies: visit.may('policies:read'),
                asked,
              },
            },
          ]
    const named = answer !== undefined && 'explained' in answer ? answer.explained : undefined
    const devices = asked.actor === '' ? [] : await devicesOf(visit, named?.actor.id ?? asked.actor)
    return {
      template: 'explain',
      title: 'Explain',
      live,
      data: {
        asked: { ...asked, ...(await shownNames(visit, named)) },
        people: visit.may('actors:read') ? await hintsOf(visit, 'actors') : [],
        resources: await hintsOf(visit, 'resources'),
        devices,
        hasAnswer: answer !== undefined,
      },
    }
  },
}

/**
 * Returns rows that the form proposes, by texts that a person can read and the API finds them by; none where there are so many that one
 * types the name.
 */
const hintsOf = async (visit: Visit, kind: 'actors' | 'resources'): Promise<readonly Choice[]> => {
  const { options, isLarge } = await findChoices(visit, kind)
  if (isLarge) return []
  if (kind === 'resources')
    return options.map(({ value, text }) => {
      const isOnly = options.filter((other) => other.text === text).length === 1
      return isOnly ? { value: text, text: '' } : { value, text }
    })
  const { parts, caller } = visit
  const rows = await parts.store.reader(caller.account.id).list('actors', { limit: MOST_CHOICES })
  const emails = new Map(rows.map(({ id, email }) => [id, email]))
  return options.map(({ value, text }) => ({ value: emails.get(value) ?? value, text }))
}

interface Asked {
  actor: string
  resource: string
  client_id: string
  remote_ip: string
  port: string
}

const answerOf = async (
  visit: Visit,
  asked: Asked,
): Promise<
  | { explained: Explained; sentence: string; ways: readonly WayIn[]; facts: object[]; chain: object[] }
  | { problem: string }
> => {
  const body = {
    actor: asked.actor,
    resource: asked.resource,
    ...(asked.client_id === '' ? {} : { client_id: asked.client_id }),
    ...(asked.remote_ip === '' ? {} : { remote_ip: asked.remote_ip }),
    ...(asked.port === '' ? {} : { port: Number(asked.port) }),
  }
  const outcome = await visit.parts.api.call<Explained>(visit.caller, {
    method: 'POST',
    path: '/policies/explain',
    body,
  })
  if (!outcome.ok) return { problem: problemText(outcome.problem) }
  const explained = outcome.body
  const supposed = asked.remote_ip === '' ? {} : { [Facts.client.address.name]: asked.remote_ip }
  return {
    explained: { ...explained, text: explained.text.map((line) => line.replace(ASKED_AT, '')) },
    sentence: sentenceOf(explained),
    ways: explained.is_allowed || !visit.may('policies:write') ? [] : await waysIn(visit, explained, supposed),
    facts: explained.facts.map(({ name, value, source, is_proven: isProven, since }) => ({
      name,
      value: typeof value === 'string' ? value : JSON.stringify(value),
      source,
      isProven,
      since: shownTime(unixTime(Date.parse(since))),
    })),
    chain: explained.policies.map((policy) => ({ ...policy, ...OUTCOMES[policy.outcome] })),
  }
}

/** Time of the question in an explanation. The frame of the page tells it, and an answer that stays as it is has to look so. */
const ASKED_AT = /, at [\d-]+ [\d:]+ UTC(?=\.$)/

const OUTCOMES = {
  conforms: { mark: 'yes', word: 'holds' },
  fails: { mark: 'no', word: 'does not hold' },
  disabled: { mark: 'off', word: 'disabled' },
  not_a_member: { mark: 'off', word: 'not for this person' },
} as const

/** Puts a refusal of the API into one text. */
export const problemText = ({ detail, errors = [] }: Problem): string =>
  errors.length === 0 ? detail : errors.map(({ path, message }) => `${path}: ${message}`).join('; ')

/** Returns the texts by which a person reads whom and what the question is about, and by which it is asked again. */
const shownNames = async (
  { parts, caller }: Visit,
  named: Explained | undefined,
): Promise<{ actor?: string; resource?: string }> => {
  if (named === undefined) return {}
  const { actor, resource } = named
  const reader = parts.store.reader(caller.account.id)
  const email = (await reader.get('actors', actor.id))?.email
  const isOnly = (await reader.list('resources', { where: { name: resource.name }, limit: 2 })).length === 1
  return { ...(email ? { actor: email } : {}), ...(isOnly ? { resource: resource.name } : {}) }
}

const devicesOf = async ({ parts, caller }: Visit, actorId: string): Promise<{ value: string; text: string }[]> => {
  if (!/^[0-9a-f-]{36}$/.test(actorId)) return []
  const rows = await parts.store.reader(caller.account.id).list('clients', { where: { actorId }, limit: 100 })
  return rows.map(({ id, name }) => ({ value: id, text: name }))
}
