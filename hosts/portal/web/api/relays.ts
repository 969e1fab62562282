import { z } from 'zod'
import type { RelayStanding } from '../../relays/relay-standing.ts'
import { Id, pageOf, Time, timeOf, timeOrNull } from './body-fields.ts'
import { answerWhole } from './answer-list.ts'
import type { ApiMiddleware, Endpoint } from './endpoint.ts'
import type { ApiParts } from './parts.ts'

const RelayBody = z
  .object({
    id: Id,
    name: z.string(),
    provider: z.string().describe('Key of the plugin that provides it'),
    account_id: Id.nullable().describe(
      'The account, where only its peers are offered the relay; null if all accounts’ are',
    ),
    endpoints: z.array(
      z.object({
        endpoint: z.string().describe('Address and UDP port'),
        state: z
          .enum(['asked', 'answers', 'silent', 'unreachable', 'not_probed'])
          .describe(
            'Whether it answers the portal’s STUN requests; `asked`: not yet. `unreachable`: the portal’s machine has no way to this address. `not_probed`: the relay is in the portal’s process, or `relays.probe` is false',
          ),
        is_offered: z.boolean(),
        since: Time.nullable().describe('Begin of the state; null if it is not probed'),
      }),
    ),
    websocket_url: z.string().nullable(),
    place: z.object({ latitude: z.number(), longitude: z.number() }).nullable(),
    is_offered: z.boolean().describe('Whether peers are offered it'),
    since: Time.describe('Time since which it is offered, or is not'),
    problem: z.string().nullable().describe('Explanation of what keeps it, or an endpoint of it, from being offered'),
  })
  .meta({ id: 'Relay' })

/** Operation on the relays that peers of the account may be offered. */
export const relayEndpoints = ({ relays }: ApiParts): Endpoint[] => {
  const list: ApiMiddleware = (ctx) => {
    const mine = relays().filter(({ accountId }) => accountId === null || accountId === ctx.state.account.id)
    answerWhole(ctx, mine.map(toWire))
  }
  return [
    {
      method: 'GET',
      path: '/relays',
      needs: 'relays:read',
      summary: 'Lists the relays, and whether they answer',
      description:
        'Lists the relays through which peers of this account reach each other where no direct path is, on one page: those of this process of the portal.',
      status: 200,
      answer: pageOf(RelayBody),
      story: [list],
    },
  ]
}

const toWire = (relay: RelayStanding): z.infer<typeof RelayBody> => ({
  id: relay.id,
  name: relay.name,
  provider: relay.provider,
  account_id: relay.accountId,
  endpoints: relay.endpoints.map(({ endpoint, state, isOffered, since }) => ({
    endpoint,
    state,
    is_offered: isOffered,
    since: timeOrNull(since),
  })),
  websocket_url: relay.websocketUrl,
  place: relay.place,
  is_offered: relay.isOffered,
  since: timeOf(relay.since),
  problem: relay.problem,
})
