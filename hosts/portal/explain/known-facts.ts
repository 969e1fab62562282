import { Facts, type Fact } from '../../../core/contract/facts.ts'
import type { KnownFacts } from '../../../core/policy/known-facts.ts'
import type { PolicyExplanation } from '../../../core/policy/policy-verdict.ts'
import type { Instant, UnixTime } from '../../../core/runtime/time.ts'
import { isUnproven } from '../decide/device-standing.ts'
import { RequestFacts, type RequestSubject } from '../decide/request-facts.ts'
import { clientStanding, personStanding } from '../decide/standing.ts'
import type { View } from '../decide/view.ts'
import type { Connection } from '../grants/connections.ts'
import type { Knowledge } from '../grants/knowledge.ts'
import type { AccessQuestion } from './access-question.ts'

/** Sources of facts about a person's device. */
export type FactKnowledge = Pick<Knowledge, 'view' | 'ages' | 'brought' | 'peers' | 'whereabouts' | 'unixAt'>

/** One fact of an explanation. */
export interface ListedFact extends Fact<unknown> {
  name: string
}

interface Known {
  /** Facts of the request if it is for this resource, on the given view of the rows. */
  factsOn: (resourceId: string, view?: Pick<View, 'get' | 'groupsOf'>) => KnownFacts
  request: { at: UnixTime; tokenExpiresAt?: UnixTime; isUnproven: boolean }
  obstacle: string | undefined
  connection: Connection | undefined
}

/** Collects the facts, time and obstacles that a request of the person would have. */
export const knownOf = (
  { view, ages, brought, peers, whereabouts, unixAt }: FactKnowledge,
  { accountId, actorId, clientId, facts: supposed = {}, at }: WithMoment,
  now: Instant,
): Known => {
  const moment = at ?? unixAt(now)
  const client = clientId === undefined ? undefined : view.get('clients', clientId)
  const connection = peers.client(clientId ?? '')
  const token = connection === undefined ? undefined : view.get('tokens', connection.tokenId)
  const subject: Omit<RequestSubject, 'resourceId'> = {
    actorId,
    client,
    token,
    place: whereabouts.get(clientId ?? ''),
    supposed,
    at: moment,
  }
  const isUnknownDevice =
    client !== undefined && supposed[Facts.device.isVerified.name] === undefined && isUnproven(client)
  const identityProviderId = supposed[Facts.signIn.providerId.name]
  const standing =
    connection === undefined
      ? personStanding(view, {
          accountId,
          actorId,
          ...(typeof identityProviderId === 'string' ? { identityProviderId } : {}),
        })
      : clientStanding(view, { clientId: connection.peerId, tokenId: connection.tokenId }, moment)
  const tokenExpiresAt = token?.expiresAt ?? undefined
  return {
    factsOn: (resourceId, rows = view) => new RequestFacts({ view: rows, ages, brought }, { ...subject, resourceId }),
    request: {
      at: moment,
      isUnproven: isUnknownDevice,
      ...(tokenExpiresAt === undefined ? {} : { tokenExpiresAt }),
    },
    obstacle: typeof standing === 'string' ? standing : undefined,
    connection,
  }
}

type WithMoment = Pick<AccessQuestion, 'accountId' | 'actorId' | 'clientId' | 'facts' | 'at'>

/** Names of the facts that every explanation is about, whether conditions read them or not. */
const ALWAYS = [Facts.client.address, Facts.signIn.providerId, Facts.device.isVerified].map(({ name }) => name)

/** Lists what is known of the facts that conditions read, and of the few that every explanation is about. */
export const listedFacts = (
  facts: KnownFacts,
  explanation: readonly PolicyExplanation[],
): { known: ListedFact[]; unknown: string[] } => {
  const read = explanation.flatMap(({ conditions }) => conditions.flatMap(({ reads }) => reads))
  const known: ListedFact[] = []
  const unknown: string[] = []
  for (const name of new Set([...ALWAYS, ...read])) {
    const fact = facts.get(name)
    if (fact === undefined) unknown.push(name)
    else known.push({ name, ...fact })
  }
  return { known, unknown }
}
