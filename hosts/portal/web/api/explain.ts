import { z } from 'zod'
import { Facts, type Fact } from '../../../../core/contract/facts.ts'
import type { FactRecord } from '../../../../core/policy/known-facts.ts'
import type { SupposedValues } from '../../decide/request-facts.ts'
import { canonicalAddress } from '../../../../core/net/ip-address.ts'
import { findingText } from '../../../../core/dns/finding-text.ts'
import { SITE_FINDINGS } from '../../../../core/dns/site-finding.ts'
import { unixTime, type UnixTime } from '../../../../core/runtime/time.ts'
import type { PolicyExplanation } from '../../../../core/policy/policy-verdict.ts'
import type { ConditionExplanation } from '../../../../core/policy/evaluate-condition.ts'
import type { ExplainVerdict } from '../../explain/decisions.ts'
import type { AccessExplanation } from '../../explain/explanation.ts'
import { explanationText } from '../../explain/explanation-text.ts'
import { invalidBody } from '../http/problem.ts'
import type { Endpoint, ApiMiddleware } from './endpoint.ts'
import type { ApiParts } from './parts.ts'
import { PathBody, pathToWire } from './path-bodies.ts'
import { jsonBody } from './read-body.ts'
import { Id, Text, Time, timeOf, timeOrNull, unixTimeOf } from './body-fields.ts'

/** Schemas of the facts that a question may suppose. */
export const SupposedFacts = {
  remote_ip: z
    .string()
    .max(45)
    .transform((text, context) => {
      const address = canonicalAddress(text)
      if (address !== undefined) return address
      context.addIssue('is no IP address')
      return z.NEVER
    })
    .optional()
    .describe('IP address that the request comes from'),
  identity_provider_id: Id.optional().describe('Identity provider through which the token in use was obtained'),
  client_verified: z.boolean().optional().describe('Whether the device is verified'),
}

const Question = z
  .strictObject({
    actor: Text(254).describe('Id or e-mail address; or the name of a service account'),
    resource: Text(255).describe('Id, name, or an address that belongs to the resource'),
    protocol: z
      .enum(['tcp', 'udp', 'icmp'])
      .optional()
      .describe('Protocol to check against the filters; tcp if only a port is given'),
    port: z.int().min(1).max(65_535).optional(),
    at: Time.optional().describe('Time of the request; the present if left out'),
    client_id: Id.optional().describe('Device of the actor; its known facts are used where none are given'),
    ...SupposedFacts,
  })
  .refine(({ protocol, port }) => protocol !== 'icmp' || port === undefined, {
    path: ['port'],
    message: 'ICMP has no ports',
  })

/** Schema of one fact. */
export const FactBody = z.object({
  value: z.unknown(),
  source: z
    .string()
    .describe(
      '`portal`, `client`, `gateway`, `question` (supposed), or the plugin that brings the fact, with its version',
    ),
  is_proven: z.boolean().describe('False for the bare word of a client or gateway, and for what the question supposes'),
  since: Time.describe('Time since when the value is known without a break'),
  valid_until: Time.nullable().describe('Time from which it is unknown unless its source confirms it'),
})
const Named = z.object({ id: Id, name: z.string() })
/** Schema of one condition in an explanation. */
export const ConditionBody = z.object({
  condition: z.string(),
  judged_by: z.string().nullable().describe('Plugin that judged, with its version'),
  reads: z.array(z.string()),
  facts: z.record(z.string(), FactBody),
  holds: z.boolean(),
  reason: z.string(),
  until: Time.nullable(),
  again: Time.nullable(),
})
const PolicyBody = z.object({
  id: Id,
  description: z.string().nullable(),
  group_id: Id,
  mode: z.enum(['enforced', 'shadow']),
  outcome: z.enum(['conforms', 'fails', 'disabled', 'not_a_member']),
  until: Time.nullable(),
  conditions: z.array(ConditionBody),
})
const ExplanationBody = z
  .object({
    is_allowed: z
      .boolean()
      .describe('Whether the policies, the standing of person and device, and the resource’s filters all allow it'),
    denied: z
      .string()
      .nullable()
      .describe(
        'not_found, forbidden, token_expired, filtered, or a code for what is wrong with the actor, device or token',
      ),
    policy_id: Id.nullable().describe('The policy that grants'),
    until: Time.nullable(),
    again: Time.nullable().describe('Time from which it may be allowed, if known'),
    at: Time,
    actor: Named,
    client: Named.nullable(),
    resource: Named,
    other_resources: z.array(Named).describe('Other resources that `resource` fits'),
    site: Named.nullable(),
    groups: z.array(Named),
    facts: z.array(FactBody.extend({ name: z.string() })).describe('Facts that conditions read, as far as known'),
    unknown_facts: z.array(z.string()).describe('Names of the facts that conditions read and nobody knows'),
    policies: z.array(PolicyBody).describe('Every policy of the resource'),
    ends_after_connection_seconds: z
      .int()
      .nullable()
      .describe(
        'Time for which a grant outlives the device’s connection to the portal; null if it does not depend on the connection',
      ),
    filter: z
      .object({ protocol: z.string(), port: z.int().nullable(), is_permitted: z.boolean() })
      .nullable()
      .describe('Verdict of the filters; null unless a port or a protocol was asked for'),
    gateway: Named.extend({ reason: z.string() }).nullable().describe('Gateway that would serve, and why'),
    gateways: z.array(
      Named.extend({
        version: z.string().nullable(),
        transport: z
          .string()
          .nullable()
          .describe('The tunnel transport that it carries packets by, while it is connected'),
        is_connected: z.boolean(),
        is_compatible: z.boolean(),
        problems: z.array(z.strictObject({ code: z.string(), said: z.string() })),
        is_recovering: z
          .boolean()
          .describe('Whether it could not forward until a moment ago, so that others are chosen before it'),
        connected_clients: z.int(),
        path: PathBody.nullable().describe('Path of the client’s packets to it, as the client reports it'),
        is_unreachable: z
          .boolean()
          .describe('Whether the client said with its latest request that it does not reach it'),
        relays: z.array(Named).describe('Relays that it was offered'),
        last_seen_at: Time.nullable(),
      }),
    ),
    client_relays: z.array(Named).describe('Relays that the client was offered; empty while it is not connected'),
    names: z
      .array(
        z.object({
          name: z.string(),
          gateway: Named,
          ipv4: z.enum(SITE_FINDINGS),
          ipv6: z.enum(SITE_FINDINGS),
          at: Time,
          why: z.string(),
        }),
      )
      .describe('Names of the resource for which a gateway lately found DNS problems at its site'),
    text: z.array(z.string()).describe('The whole explanation in sentences'),
  })
  .meta({ id: 'Explanation' })

/**
 * Operation that explains why an actor may use a resource or may not, with the evaluator and selector of real requests.
 */
export const explainEndpoints = ({ decisions }: ApiParts): Endpoint[] => {
  const question = jsonBody(Question)
  const explain: ApiMiddleware = async (ctx) => {
    const { actor, resource, protocol, port, at, client_id, ...supposed } = question.of(ctx)
    const verdict = await decisions.explain({
      accountId: ctx.state.account.id,
      actor,
      resource,
      at: at === undefined ? undefined : unixTimeOf(at),
      clientId: client_id,
      facts: factsOf(supposed),
      traffic: protocol === undefined && port === undefined ? undefined : { protocol: protocol ?? 'tcp', port },
    })
    if (!verdict.ok) throw unknown(verdict.unknown)
    ctx.body = toWire(verdict)
  }
  return [
    {
      method: 'POST',
      path: '/policies/explain',
      needs: 'explain:read',
      summary: 'Explains why an actor may use a resource, or may not',
      body: Question,
      status: 200,
      answer: ExplanationBody,
      story: [question.read, explain],
    },
  ]
}

/** Returns supposed facts by their names. */
export const factsOf = (supposed: {
  remote_ip?: string | undefined
  identity_provider_id?: string | undefined
  client_verified?: boolean | undefined
}): SupposedValues => ({
  [Facts.client.address.name]: supposed.remote_ip,
  [Facts.signIn.providerId.name]: supposed.identity_provider_id,
  [Facts.device.isVerified.name]: supposed.client_verified,
})

const MISSING = {
  actor: { path: 'actor', message: 'there is no actor of this id or e-mail address' },
  resource: { path: 'resource', message: 'there is no resource of this id, name or address' },
  client: { path: 'client_id', message: 'the actor has no such device' },
} as const

const unknown = (what: keyof typeof MISSING) => invalidBody([MISSING[what]])

const toWire = ({ explanation, others }: ExplainVerdict & { ok: true }): z.infer<typeof ExplanationBody> => {
  const { verdict, resource, actor, client, site, filter, gateway, relays } = explanation
  return {
    is_allowed: explanation.isAllowed,
    denied: deniedBy(explanation),
    policy_id: verdict.allowed ? verdict.policyId : null,
    until: timeOrNull((verdict.allowed ? verdict.expiresAt : undefined) ?? null),
    again: timeOrNull(('again' in verdict ? verdict.again : undefined) ?? null),
    at: timeOf(explanation.at),
    actor: { id: actor.id, name: actor.name },
    client: client === undefined ? null : { id: client.id, name: client.name },
    resource: { id: resource.id, name: resource.name },
    other_resources: others,
    site: site === undefined ? null : { id: site.id, name: site.name },
    groups: explanation.groups.map(({ id, name }) => ({ id, name })),
    facts: explanation.facts.map(({ name, ...fact }) => ({ name, ...factToWire(fact) })),
    unknown_facts: explanation.unknownFacts,
    policies: verdict.explanation.map(policyToWire),
    ends_after_connection_seconds:
      explanation.endsAfterConnectionMs === undefined ? null : explanation.endsAfterConnectionMs / 1000,
    filter:
      filter === undefined
        ? null
        : { protocol: filter.protocol, port: filter.port ?? null, is_permitted: filter.isPermitted },
    gateway: chosen(gateway),
    gateways: gateway.gateways.map(({ id, name, version, transport, path, lastSeenAt, ...state }) => ({
      id,
      name,
      version,
      transport,
      is_connected: state.isConnected,
      is_compatible: state.isCompatible,
      problems: state.problems.map(({ code, said }) => ({ code, said })),
      is_recovering: state.isRecovering,
      connected_clients: state.connectedClients,
      path: path === undefined ? null : pathToWire(path),
      is_unreachable: relays.unreachable.has(id),
      relays: [...(relays.ofGateways.get(id) ?? [])],
      last_seen_at: timeOrNull(lastSeenAt),
    })),
    client_relays: [...relays.ofClient],
    names: explanation.names.map(({ domain, gatewayId, gatewayName, found, at }) => ({
      name: domain,
      gateway: { id: gatewayId, name: gatewayName },
      ipv4: found.ipv4,
      ipv6: found.ipv6,
      at: timeOf(at),
      why: findingText(domain, found),
    })),
    text: explanationText(explanation),
  }
}

const deniedBy = ({ obstacle, verdict, isAllowed }: AccessExplanation): string | null => {
  if (obstacle !== undefined) return obstacle
  if (!verdict.allowed) return verdict.denied
  return isAllowed ? null : 'filtered'
}

const chosen = ({ choice, gateways }: AccessExplanation['gateway']) => {
  if (choice === undefined) return null
  const { gatewayId: id, reason } = choice
  return { id, name: gateways.find((gateway) => gateway.id === id)?.name ?? '', reason }
}

/** Converts one policy of an explanation to JSON. */
const policyToWire = (policy: PolicyExplanation): z.infer<typeof PolicyBody> => ({
  id: policy.policyId,
  description: policy.description,
  group_id: policy.groupId,
  mode: policy.mode,
  outcome: policy.outcome,
  until: momentOrNull(policy.until),
  conditions: policy.conditions.map(conditionToWire),
})

/** Converts one condition of an explanation to JSON. */
export const conditionToWire = (condition: ConditionExplanation): z.infer<typeof ConditionBody> => ({
  condition: condition.condition,
  judged_by: condition.judgedBy ?? null,
  reads: [...condition.reads],
  facts: factsToWire(condition.facts),
  holds: condition.holds,
  reason: condition.reason,
  until: momentOrNull(condition.until),
  again: momentOrNull(condition.again),
})

/** Converts facts by name to JSON. Leaves out those of rows from before facts had a source and an age. */
export const factsToWire = (facts: FactRecord): Record<string, z.infer<typeof FactBody>> =>
  Object.fromEntries(
    Object.entries(facts)
      .filter(([, fact]: [string, unknown]) => typeof fact === 'object' && fact !== null && 'since' in fact)
      .map(([name, fact]) => [name, factToWire(fact)]),
  )

const UNPROVEN_SOURCES: ReadonlySet<string> = new Set(['client', 'gateway', 'question'])

const factToWire = ({ value, source, since, validUntil }: Fact<unknown>): z.infer<typeof FactBody> => ({
  value,
  source,
  is_proven: !UNPROVEN_SOURCES.has(source),
  since: timeOf(since),
  valid_until: timeOrNull(validUntil ?? null),
})

/** Formats a time from a plugin, which may have fractions of a millisecond. */
const momentOrNull = (time: UnixTime | undefined): string | null =>
  time === undefined ? null : timeOf(unixTime(Math.floor(time)))
