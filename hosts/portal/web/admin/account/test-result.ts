import { Facts } from '../../../../../core/contract/facts.ts'
import { factText } from '../../../explain/fact-text.ts'
import { rehearsedLink } from '../../sign-in/link-actor.ts'
import { statementsOf } from '../../sign-in/run-sign-in-step.ts'
import { RETURNED, type ProviderTest } from '../../provider-test/provider-test.ts'
import { TEST_LIFE_MS } from '../../provider-test/test-records.ts'
import { differenceFrom } from '../effect/difference.ts'
import { effectView } from '../effect/effect-view.ts'
import type { Visit } from '../page/admin-parts.ts'
import { mark, type Cell } from '../page/cell.ts'
import { claimRows, type TestedIdentity, type TestedLink } from './tested-claims.ts'

type SignInFacts = Readonly<Record<string, unknown>>

/** Returns what the page of a test shows, and its verdict. */
export const resultView = async (visit: Visit, test: ProviderTest): Promise<{ data: object; mark: Cell }> => {
  const { state, provider } = test
  const data = { steps: stepsOf(test), minutes: TEST_LIFE_MS / 60_000 }
  switch (state.type) {
    case 'working':
    case 'away':
      return { data: { ...data, isAway: true }, mark: mark('wait', 'under way') }
    case 'asks':
      return { data: { ...data, prompt: state.prompt }, mark: mark('wait', 'under way') }
    case 'refused':
      return { data: { ...data, refusal: state.refusal }, mark: mark('no', 'fails') }
    case 'identified': {
      const { identity } = state
      const link = await rehearsedLink(visit.parts.store, { provider, identity })
      const facts = signInFacts(visit, test, identity)
      return {
        data: {
          ...data,
          person: identity.name ?? identity.email ?? identity.subject,
          link: link.ok ? { name: link.actor.name } : { refused: link.publicText, detail: link.detail },
          claims: await claimRows(visit, { test, identity, link }),
          facts: factLines(facts, visit),
          ...(link.ok ? await effectOn(visit, link.actor, facts) : {}),
        },
        mark: link.ok ? mark('yes', 'works') : mark('warn', 'signs nobody in'),
      }
    }
  }
}

/** Returns the steps with their times; the last one is where it failed, or goes on. */
const stepsOf = ({ steps, state }: ProviderTest): object[] => {
  const last = steps.length - 1
  const end = state.type === 'identified' ? 'done' : state.type === 'refused' ? 'fails' : 'now'
  return steps.map(({ text, sent = {}, came = {}, at }, index) => {
    const next = steps[index + 1]
    const ms = next === undefined ? 0 : next.at - at
    return {
      text,
      // Until the browser returns the time is the person's, not the provider's.
      ms: ms > 0 && Object.keys(sent).length > 0 && next?.text !== RETURNED ? ms : undefined,
      kind: index < last ? 'done' : end,
      sent: Object.entries(sent),
      came: Object.entries(came),
    }
  })
}

/** Returns the facts that the sign-in would leave behind, by name. */
const signInFacts = ({ parts }: Visit, { provider }: ProviderTest, identity: TestedIdentity): SignInFacts => {
  const now = parts.clock.unix()
  const { authenticatedAt, methods, groups, claims } = statementsOf(identity, now)
  const all: readonly (readonly [string, unknown])[] = [
    [Facts.signIn.providerId.name, provider.id],
    [Facts.signIn.providerType.name, provider.type],
    [Facts.signIn.at.name, now],
    [Facts.signIn.authenticatedAt.name, authenticatedAt],
    [Facts.signIn.methods.name, methods],
    [Facts.signIn.providerGroups.name, groups],
    [Facts.signIn.claims.name, claims],
  ]
  return Object.fromEntries(all.filter(([, value]) => value !== undefined))
}

const factLines = (facts: SignInFacts, { parts }: Visit): object[] =>
  Object.entries(facts).map(([name, value]) => ({
    name,
    text: factText({ name, value, source: 'portal', since: parts.clock.unix() }).replace(/^.*? is | \([^()]*\)$/gs, ''),
  }))

/** Judges what a person may use with the facts of the tested sign-in, against what she may use at present. */
const effectOn = async (
  visit: Visit,
  { id, name, email }: Extract<TestedLink, { ok: true }>['actor'],
  facts: SignInFacts,
): Promise<object> => {
  const { parts, caller, base } = visit
  const about = { accountId: caller.account.id, actorId: id }
  const [{ access: before }, { access: after }] = await Promise.all([
    parts.decisions.reachOf(about),
    parts.decisions.reachOf({ ...about, facts }),
  ])
  const states = new Map(before.map(({ resource, state }) => [resource.id, state]))
  const judged = after.map((each) => ({ ...each, was: states.get(each.resource.id) ?? ('none' as const) }))
  const pairs = judged
    .filter(({ state, was }) => (state === 'allowed') !== (was === 'allowed'))
    .map(({ resource, state, why, was }) => ({
      actor: { id, name, email },
      resource,
      before: was,
      after: state,
      effect: state === 'allowed' ? ('gains' as const) : ('loses' as const),
      why,
    }))
  const kept = judged.filter(({ state, was }) => state === 'allowed' && was === 'allowed').length
  const difference = await differenceFrom(visit, { pairs, kept, concerned: after.length, isWhole: true }, [])
  return { effect: effectView(difference, base), effectTitle: `If ${name} signed in by it` }
}
