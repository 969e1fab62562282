import { Facts } from '../../../core/contract/facts.ts'
import { findingText } from '../../../core/dns/finding-text.ts'
import type { ConditionExplanation } from '../../../core/policy/evaluate-condition.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import { utcText } from '../../../core/runtime/utc-text.ts'
import { capital, obstacleText } from '../decide/obstacle-text.ts'
import type { AccessExplanation, FilterExplanation } from './explanation.ts'
import { factName, factText } from './fact-text.ts'
import { unreachableLines } from './offered-relays.ts'
import { pathText } from './path-text.ts'

/** Returns the explanation in English, one sentence per line, for the command line and for pages. */
export const explanationText = (explanation: AccessExplanation): string[] => [
  question(explanation),
  verdict(explanation),
  ...factLines(explanation),
  ...(explanation.obstacle === undefined ? [] : [`In the way: ${obstacleText(explanation.obstacle)}.`]),
  ...policyLines(explanation),
  ...connectionLines(explanation),
  ...(explanation.filter === undefined ? [] : [filterLine(explanation.filter)]),
  ...gatewayLines(explanation),
  ...unreachableLines(explanation.relays, explanation.gateway.gateways),
  ...nameLines(explanation),
]

const question = ({ actor, client, resource, filter, at, facts }: AccessExplanation): string => {
  const from = facts.find(({ name }) => name === Facts.client.address.name)
  const email = actor.email === null ? '' : ` (${actor.email})`
  const address = resource.address === null || resource.address === resource.name ? '' : ` (${resource.address})`
  const where = [
    ...(client === undefined ? [] : [`with the device ${client.name}`]),
    ...(from === undefined ? [] : [`from ${String(from.value)}`]),
    `at ${utcText(at)}`,
  ]
  const traffic = filter === undefined ? '' : `, ${trafficText(filter)}`
  return `${actor.name}${email} asks for ${resource.name}${address}${traffic}, ${where.join(', ')}.`
}

const verdict = (explanation: AccessExplanation): string => {
  const { verdict: judged, obstacle, filter } = explanation
  if (obstacle !== undefined) return `Access is denied: ${obstacleText(obstacle)}.`
  if (judged.allowed) {
    const end = judged.expiresAt === undefined ? 'until something changes' : `until ${utcText(judged.expiresAt)}`
    const by = policyName(explanation, judged.policyId)
    if (filter?.isPermitted !== false) return `Access is granted by ${by}, ${end}.`
    return `The policies grant access (${by}, ${end}), but the resource's filters refuse ${trafficText(filter)}.`
  }
  if (judged.denied === 'token_expired') return 'Access is denied: the token in use has expired by then.'
  if (judged.denied === 'not_found') {
    return 'Access is denied: no enabled policy joins this resource to a group of this actor. For the client it does not exist.'
  }
  const again = 'again' in judged ? judged.again : undefined
  const next = again === undefined ? '' : ` It may be granted from ${utcText(again)} on.`
  return `Access is denied: no policy for this actor has all its conditions met.${next}`
}

const factLines = ({ facts, unknownFacts }: AccessExplanation): string[] => [
  facts.length === 0 ? 'Nothing is known about the request.' : `Known facts: ${facts.map(factText).join('; ')}.`,
  ...(unknownFacts.length === 0 ? [] : [`Unknown facts: ${unknownFacts.map(factName).join('; ')}.`]),
]

const policyLines = (explanation: AccessExplanation): string[] => {
  const { explanation: policies } = explanation.verdict
  if (policies.length === 0) return ['No policy is about this resource.']
  return policies.flatMap((policy) => [
    `${capital(policyName(explanation, policy.policyId))} ${outcome(policy)}.`,
    ...policy.conditions.map((condition) => `  ${conditionText(condition)}`),
  ])
}

const connectionLines = ({ endsAfterConnectionMs: ms }: AccessExplanation): string[] =>
  ms === undefined
    ? []
    : [
        `The grant depends on the address that the device connects from: it is judged again when the device connects from elsewhere, and ends ${durationText(ms)} after its connection to the portal does.`,
      ]

const durationText = (milliseconds: number): string => {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds % 60 !== 0) return `${seconds} s`
  return seconds === 60 ? 'a minute' : `${seconds / 60} minutes`
}

const nameLines = ({ names }: AccessExplanation): string[] =>
  names.map(
    ({ domain, found, gatewayName, at }) => `As ${gatewayName} found at ${utcText(at)}: ${findingText(domain, found)}`,
  )

const policyName = ({ policies, groups, verdict: judged }: AccessExplanation, id: string): string => {
  const policy = policies.get(id)
  const groupId = judged.explanation.find(({ policyId }) => policyId === id)?.groupId ?? policy?.groupId
  const group = groups.find((each) => each.id === groupId)
  const name = policy?.description ?? null
  const shadow = policy?.mode === 'shadow' ? ', in shadow mode,' : ''
  return `the ${name === null ? 'unnamed policy' : `policy “${name}”`}${group === undefined ? '' : ` for ${group.name}`}${shadow}`
}

const outcome = ({ outcome: result, mode, until, conditions }: PolicyExplanation): string => {
  const isShadow = mode === 'shadow'
  switch (result) {
    case 'not_a_member':
      return 'is for a group that this actor is not in'
    case 'disabled':
      return 'is disabled'
    case 'fails':
      return isShadow ? 'would not grant it' : 'does not grant it'
    case 'conforms': {
      const end = until === undefined ? '' : `, until ${utcText(until)}`
      const why = conditions.length === 0 ? ': it has no conditions' : ': all its conditions hold'
      return `${isShadow ? 'would grant it' : 'grants it'}${end}${why}`
    }
  }
}

const conditionText = ({ condition, holds, reason, until, again, judgedBy }: ConditionExplanation): string => {
  const when =
    until !== undefined ? `, until ${utcText(until)}` : again !== undefined ? `, until ${utcText(again)}` : ''
  const by = judgedBy === undefined ? '' : ` (${judgedBy})`
  return `${condition} ${holds ? 'holds' : 'does not hold'}${when}: ${reason}${by}.`
}

const trafficText = ({ protocol, port }: FilterExplanation): string =>
  port === undefined ? protocol.toUpperCase() : `${protocol.toUpperCase()} port ${port}`

const filterLine = (filter: FilterExplanation): string =>
  filter.isPermitted
    ? `The resource's filters let ${trafficText(filter)} through.`
    : `The resource's filters refuse ${trafficText(filter)}.`

/** Lines about the gateways: which one would serve, and what keeps others from it. */
const gatewayLines = (explanation: AccessExplanation): string[] => [
  gatewayLine(explanation),
  ...explanation.gateway.gateways.flatMap(({ name, path }) => (path === undefined ? [] : [pathText(path, name)])),
  ...explanation.gateway.gateways.flatMap(({ name, problems }) =>
    problems.map(
      ({ code, said }) =>
        `The gateway ${name} is connected and cannot forward, so it is not chosen: ${said} (${code}).`,
    ),
  ),
  ...explanation.gateway.gateways
    .filter(({ isRecovering }) => isRecovering)
    .map(
      ({ name }) =>
        `The gateway ${name} could not forward until a moment ago, so others are chosen before it for half a minute.`,
    ),
]

const gatewayLine = ({
  gateway: { choice, clientTransport, gateways },
  site,
  isAllowed,
}: AccessExplanation): string => {
  const name = site?.name ?? 'the resource'
  if (choice !== undefined) {
    const chosen = gateways.find(({ id }) => id === choice.gatewayId)?.name ?? choice.gatewayId
    return `${isAllowed ? 'The gateway would be' : 'If it were granted, the gateway would be'} ${chosen}, chosen because it is ${choice.reason}.`
  }
  if (gateways.length === 0) return `The site ${name} has no gateway.`
  const all = gateways.filter(({ isConnected }) => isConnected)
  if (all.length === 0) return `No gateway of the site ${name} is connected: nobody would serve.`
  const present = all.filter(({ problems }) => problems.length === 0)
  const connected = present.length
  if (connected === 0) return `No connected gateway of the site ${name} can forward: nobody would serve.`
  const transports = [...new Set(present.map(({ transport }) => transport))]
  if (clientTransport !== undefined && !transports.includes(clientTransport)) {
    return `Of the ${connected} connected gateways of the site ${name} none carries packets by ${clientTransport}, as this client does, but by ${transports.join(', ')}: nobody would serve.`
  }
  return `Of the ${connected} connected gateways of the site ${name} none understands this client's version: nobody would serve.`
}
