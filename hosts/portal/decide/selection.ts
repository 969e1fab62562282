import type { GatewayCandidate, GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { Extensions } from '../../../core/plugin/extension-point.ts'
import { errorText } from '../../../core/plugin/error-text.ts'
import { frozenCopy } from '../../../core/plugin/frozen-copy.ts'
import { synchronousAnswer } from '../../../core/plugin/synchronous-answer.ts'
import { integerBelow, type Random } from '../../../core/runtime/random.ts'
import type { Site } from '../store/entities.ts'

export interface Choice {
  gatewayId: string
  /** Completes "chosen because it is". */
  reason: string
}

export interface ChoiceQuestion {
  site: Site
  candidates: readonly [GatewayCandidate, ...GatewayCandidate[]]
  /** The gateways that the client has connections to: it stays with them. */
  connectedIds: readonly string[]
  clientId: string
  resourceId: string
}

/** Which gateway serves: one that the client is connected to, else whom the site's selector names, else any. Never throws. */
export const chooseGateway = (
  question: ChoiceQuestion,
  { selectors, random }: { selectors: Extensions<GatewaySelector>; random: Random },
): Choice => {
  const { site, candidates, connectedIds, clientId, resourceId } = question
  const connected = connectedIds.find((id) => candidates.some((candidate) => candidate.id === id))
  if (connected !== undefined) return { gatewayId: connected, reason: 'connected already' }

  const anyOfThem = (problem: string): Choice => {
    const chosen = candidates[integerBelow(random, candidates.length)] ?? candidates[0]
    return { gatewayId: chosen.id, reason: `one of ${candidates.length}, drawn at random: ${problem}` }
  }
  const selector = selectors.get(site.selector)
  if (selector === undefined) return anyOfThem(`no plugin provides the selector "${site.selector}"`)
  try {
    const parsed = selector.settings.safeParse(site.selectorSettings ?? {})
    if (!parsed.ok) return anyOfThem(`the settings of the selector "${site.selector}" are not valid`)
    // A copy: whoever takes a candidate away takes it away from itself only.
    const handed = { settings: parsed.settings, candidates: frozenCopy(candidates), clientId, resourceId }
    const { gatewayId, reason } = synchronousAnswer(selector.value.select(handed))
    if (!candidates.some(({ id }) => id === gatewayId)) {
      return anyOfThem(`the selector "${site.selector}" named somebody else`)
    }
    if (typeof reason !== 'string') return anyOfThem(`the selector "${site.selector}" gave no reason`)
    return { gatewayId, reason: reason.slice(0, 500) }
  } catch (error) {
    return anyOfThem(`the selector "${site.selector}" failed: ${errorText(error)}`)
  }
}
