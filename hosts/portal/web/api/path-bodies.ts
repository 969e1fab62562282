import { z } from 'zod'
import { INDIRECT_REASONS, PATH_KINDS } from '../../../../core/ice/path-kind.ts'
import type { ClientPath, PathCounts } from '../../decide/client-paths.ts'
import { indirectReasonText } from '../../explain/path-text.ts'
import { Id, Time, timeOf } from './body-fields.ts'

/** Schema of a client's path to a gateway. */
export const PathBody = z.object({
  gateway_id: Id,
  kind: z
    .enum([...PATH_KINDS, 'none'])
    .describe(
      '`direct`: to an address of the gateway’s own interface; `nat`: to one outside of a NAT; `relayed`: by a relay; `websocket`: by a relay, over a WebSocket; `none`: the gateway is not reached',
    ),
  relay: z.string().nullable().describe('The relay that carries the packets; null without one'),
  not_direct: z
    .object({ code: z.enum(INDIRECT_REASONS), said: z.string() })
    .nullable()
    .describe('Why a relay carries the packets'),
  round_trip_ms: z.number().nullable(),
  loss: z
    .object({ lost: z.int(), of: z.int() })
    .nullable()
    .describe('Checks of the path that were not answered, of the latest'),
  reported_by: z
    .enum(['client', 'gateway'])
    .describe('Which end has reported this: the client, or, of one that reports nothing, the gateway'),
  reported_at: Time,
})

/** Schema of the numbers of a gateway's clients by the kinds of their paths. */
export const PathCountsBody = z
  .object({ direct: z.int(), nat: z.int(), relayed: z.int(), websocket: z.int(), none: z.int() })
  .describe('Clients by the kind of their path to the gateway, as far as they or the gateway report it')

export const pathToWire = (path: ClientPath): z.infer<typeof PathBody> => ({
  gateway_id: path.gatewayId,
  kind: path.kind,
  relay: path.relay ?? null,
  not_direct: path.why === undefined ? null : { code: path.why, said: indirectReasonText(path) ?? '' },
  round_trip_ms: path.roundTripMs ?? null,
  loss: path.loss ?? null,
  reported_by: path.reportedBy,
  reported_at: timeOf(path.at),
})

export const pathCountsToWire = (counts: Readonly<PathCounts>): z.infer<typeof PathCountsBody> => ({ ...counts })
