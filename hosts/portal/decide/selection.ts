import type { GatewayCandidate, GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { DeclaredFacts, Extension, Extensions } from '../../../core/contract/extension-point.ts'
import { readAnswer } from '../../../core/plugin/caught-promises.ts'
import { errorText } from '../../../core/plugin/error-text.ts'
import { synchronousAnswer } from '../../../core/plugin/synchronous-answer.ts'
import { visibleCharacters } from '../../../core/plugin/visible-characters.ts'
import type { Answers } from '../../../core/policy/hearing.ts'
import { factsFor, type KnownFacts } from '../../../core/policy/known-facts.ts'
import { integerBelow, type Random } from '../../../core/runtime/random.ts'
import type { UnixTime } from '../../../core/runtime/time.ts'
import type { Site } from '../store/entities.ts'

export interface Choice {
  gatewayId: string
  /** Reason for the choice; completes the sentence "chosen because it is". */
  reason: string
}

export interface ChoiceQuestion {
  site: Site
  candidates: readonly [Candidate, ...Candidate[]]
  /** Gateways that the client already has connections to; one of these is preferred. */
  connectedIds: readonly string[]
  clientId: string
  resourceId: string
  /** Facts known about the request. */
  facts: KnownFacts
  at: UnixTime
}

/** A gateway that may serve, with its facts. */
export interface Candidate {
  id: string
  name: string
  facts: KnownFacts
}

/**
 * Chooses the gateway that serves: one that the client is connected to, else the one that the site's selector names,
 * else a random one. Never throws. `answers` are those of selectors that run in threads of their own.
 */
export const chooseGateway = (
  question: ChoiceQuestion,
  { selectors, random }: { selectors: Extensions<GatewaySelector>; random: Random },
  answers?: Answers,
): Choice => {
  const { site, candidates, connectedIds } = question
  const connected = connectedIds.find((id) => candidates.some((candidate) => candidate.id === id))
  if (connected !== undefined) return { gatewayId: connected, reason: 'connected already' }

  const anyOfThem = (problem: string): Choice => {
    const chosen = candidates[integerBelow(random, candidates.length)] ?? candidates[0]
    return { gatewayId: chosen.id, reason: `one of ${candidates.length}, drawn at random: ${problem}` }
  }
  const selector = selectors.get(site.selector)
  if (selector === undefined) return anyOfThem(`no plugin provides the selector "${site.selector}"`)
  try {
    const answer =
      selector.isIsolated === true ? heardAnswer(question, selector, answers) : askedNow(question, selector)
    const { gatewayId, reason } = readAnswer(answer, ['gatewayId', 'reason'])
    if (typeof gatewayId !== 'string' || !candidates.some(({ id }) => id === gatewayId)) {
      return anyOfThem(`the selector "${site.selector}" named a gateway that may not serve`)
    }
    if (typeof reason !== 'string') return anyOfThem(`the selector "${site.selector}" gave no reason`)
    return { gatewayId, reason: visibleCharacters(reason.slice(0, 500)) }
  } catch (error) {
    return anyOfThem(`the selector "${site.selector}" failed: ${errorText(error)}`)
  }
}

/** Calls a selector. @throws Error of the plugin, or for settings that it does not take */
const askedNow = (
  { site, candidates, clientId, resourceId, facts }: ChoiceQuestion,
  selector: Extension<GatewaySelector>,
): unknown => {
  const parsed = selector.settings.safeParse(site.selectorSettings ?? {})
  if (!parsed.ok) throw new Error('its settings are not valid')
  return synchronousAnswer(
    selector.value.select({
      settings: parsed.settings,
      facts: factsFor(selector.facts, facts).given,
      candidates: handedOut(candidates, selector.candidateFacts),
      clientId,
      resourceId,
    }),
  )
}

/** Looks the answer of a selector up that runs in a thread of its own. @throws Error of the plugin, or if it was not asked */
const heardAnswer = (
  { site, candidates, clientId, resourceId, facts, at }: ChoiceQuestion,
  selector: Extension<GatewaySelector>,
  answers: Answers | undefined,
): unknown => {
  const handed = handedOut(candidates, selector.candidateFacts)
  const heard = answers?.find({
    plugin: selector.plugin,
    point: 'gateway-selectors',
    key: selector.key,
    owner: site,
    settings: site.selectorSettings ?? {},
    about: { facts: factsFor(selector.facts, facts).given, candidates: handed, clientId, resourceId },
    text: JSON.stringify([clientId, resourceId, candidates.map(({ id }) => id)]),
    at,
  })
  if (heard === undefined) throw new Error('it was not asked')
  if ('failure' in heard) throw heard.failure
  return heard.answer
}

const handedOut = (
  [first, ...others]: ChoiceQuestion['candidates'],
  declared: DeclaredFacts,
): readonly [GatewayCandidate, ...GatewayCandidate[]] => {
  const handed = ({ id, name, facts }: Candidate): GatewayCandidate =>
    Object.freeze({ id, name, facts: factsFor(declared, facts).given })
  return Object.freeze<[GatewayCandidate, ...GatewayCandidate[]]>([handed(first), ...others.map(handed)])
}
