import type { FactName, KnownFacts } from '../../../core/policy/known-facts.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { isUnproven, isVerified } from '../decide/device-standing.ts'
import { clientStanding, personStanding } from '../decide/standing.ts'
import type { Connection } from '../grants/connections.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { AccessQuestion } from './access-question.ts'

/** Sources of facts about a person's device. */
export type FactSources = Pick<Knowledge, 'view' | 'peers' | 'whereabouts' | 'unixAt'>

export interface KnownFact {
  name: FactName
  value: string | boolean
  /**
   * Source of the value: `given` with the question, the device's `connection`, where it was `last_seen`, or the row of
   * the `device`.
   */
  source: 'given' | 'connection' | 'last_seen' | 'device'
}

interface Known {
  request: { facts: KnownFacts; at: UnixTime; tokenExpiresAt?: UnixTime; isUnproven: boolean }
  facts: KnownFact[]
  obstacle: string | undefined
  connection: Connection | undefined
}

/** Collects the facts, time and obstacles that a request of the person would have. */
export const knownOf = (
  { view, peers, whereabouts, unixAt }: FactSources,
  { accountId, actorId, clientId, facts: given = {}, at }: WithMoment,
  now: Instant,
): Known => {
  const moment = at ?? unixAt(now)
  const client = clientId === undefined ? undefined : view.get('clients', clientId)
  const connection = peers.client(clientId ?? '')
  const token = connection === undefined ? undefined : view.get('tokens', connection.tokenId)
  const facts: KnownFact[] = []
  const learn = (name: FactName, value: string | boolean | null | undefined, source: KnownFact['source']) => {
    if (value === undefined || value === null || facts.some((fact) => fact.name === name)) return
    facts.push({ name, value, source })
  }
  learn('remoteIp', given.remoteIp, 'given')
  learn('remoteIp', connection?.remoteIp, 'connection')
  learn('remoteIp', whereabouts.get(clientId ?? '')?.remoteIp, 'last_seen')
  learn('identityProviderId', given.identityProviderId, 'given')
  learn('identityProviderId', token?.identityProviderId, 'connection')
  learn('clientVerified', given.clientVerified, 'given')
  learn('clientVerified', client === undefined ? undefined : isVerified(client), 'device')
  const values: KnownFacts = Object.fromEntries(facts.map(({ name, value }) => [name, value]))

  const isUnknownDevice = client !== undefined && given.clientVerified === undefined && isUnproven(client)

  const identityProviderId = given.identityProviderId
  const standing =
    connection === undefined
      ? personStanding(view, {
          accountId,
          actorId,
          ...(identityProviderId === undefined ? {} : { identityProviderId }),
        })
      : clientStanding(view, { clientId: connection.peerId, tokenId: connection.tokenId }, moment)
  const tokenExpiresAt = token?.expiresAt ?? undefined
  return {
    request: {
      facts: values,
      at: moment,
      isUnproven: isUnknownDevice,
      ...(tokenExpiresAt === undefined ? {} : { tokenExpiresAt }),
    },
    facts,
    obstacle: typeof standing === 'string' ? standing : undefined,
    connection,
  }
}

type WithMoment = Pick<AccessQuestion, 'accountId' | 'actorId' | 'clientId' | 'facts' | 'at'>
