import type { Middleware } from 'koa'
import type { z } from 'zod'
import type { Account, Actor } from '../../store/entities.ts'
import type { AuditSubject } from '../../store/store.ts'

/** Where the API's paths begin. */
export const API_PATH = '/api/v1'

/** One operation of the API: how it is described, and its story as middlewares. */
export interface Endpoint {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below /api/v1: `/sites/:id`. */
  path: string
  summary: string
  /** What the summary does not say. */
  description?: string
  /** What may stand behind the question mark; nothing by default. */
  query?: z.ZodType
  body?: z.ZodType
  status: 200 | 201 | 204
  answer?: z.ZodType
  story: readonly Step[]
}

export type Step = Middleware<ApiState, ApiExtras>
export type ApiContext = Parameters<Step>[0]

export interface ApiExtras {
  params: Readonly<Record<string, string>>
}

/** What the steps of a story know. */
export interface ApiState {
  clientAddress: string
  /** Whose token it is: set once the request is authenticated. */
  account: Account
  actor: Actor
  by: AuditSubject
  /** Who asks by a token of this portal, a refused one included. */
  caller?: { accountId: string; by: AuditSubject }
  /** Under which versions of rows are computed. */
  versionKey: Uint8Array
  /** The validated body and query. */
  body: unknown
  query: unknown
}
