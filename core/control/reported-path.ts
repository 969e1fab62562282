import { z } from 'zod'
import { INDIRECT_REASONS, PATH_KINDS } from '../ice/path-kind.ts'

/** Longest name of a relay in a report about a path. */
export const MAX_RELAY_CHARACTERS = 512

/** Fields of a path between a client and a gateway, as either end reports it. Portreeve's addition. */
export const pathFields = {
  /** Kind of the path; `none` where the other end is not reached. */
  kind: z.enum([...PATH_KINDS, 'none']),
  /** Endpoint, address or WebSocket's URL of the relay that carries the packets. */
  relay: z.string().max(MAX_RELAY_CHARACTERS).optional(),
  /** Reason why a relay does. */
  why: z.enum(INDIRECT_REASONS).optional(),
  /** Round trip in milliseconds, as last measured. */
  ms: z.number().min(0).max(60_000).optional(),
  /** Number of checks of the path that were lost, of the latest `of`. */
  lost: z.int().min(0).max(10_000).optional(),
  of: z.int().min(1).max(10_000).optional(),
}

const Fields = z.object(pathFields)
/** Path between a client and a gateway, without the name of the other end. */
export type PathFields = z.infer<typeof Fields>

/** Request for reports about paths: a first one, and in this interval where something has changed. Portreeve's addition. */
export const ReportPaths = z.object({ interval_ms: z.int().min(1_000).max(3_600_000) })
