import type { Middleware } from 'koa'
import type { z } from 'zod'
import type { Permission } from '../../identity/permissions.ts'
import type { Account, Actor, Change, Token } from '../../store/entities.ts'
import type { AuditSubject } from '../../store/store.ts'

/** Prefix of the API's paths. */
export const API_PATH = '/api/v1'

/** One operation of the API: its description for OpenAPI, and the middlewares that carry it out. */
export interface Endpoint {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path below /api/v1, such as `/sites/:id`. */
  path: string
  /** Permission without which a call is refused; null if every caller of the API may make it. */
  needs: Permission | null
  summary: string
  /** Details that the summary does not say. */
  description?: string
  /** Schema of the query parameters; none by default. */
  query?: z.ZodType
  body?: z.ZodType
  /** Longest body in KiB; 128 by default. */
  bodyKiB?: number
  status: 200 | 201 | 204
  answer?: z.ZodType
  /** Middlewares that carry it out; the first one reads the body, if there is one. */
  story: readonly ApiMiddleware[]
}

/** One middleware of an operation. */
export type ApiMiddleware = Middleware<ApiState, ApiExtras>
export type ApiContext = Parameters<ApiMiddleware>[0]

export interface ApiExtras {
  params: Readonly<Record<string, string>>
}

/** Sign-in or token that a call rests on. */
export interface Authority extends Pick<Token, 'isEmergency' | 'expiresAt' | 'scopes' | 'makerId'> {
  /** Permissions of the call: those that the scopes, the actor and the maker of the token have in common. */
  permissions: ReadonlySet<Permission>
}

/** State of a request, shared by the middlewares of an operation. */
export interface ApiState {
  clientAddress: string
  /** Account of the caller; set once the request is authenticated. */
  account: Account
  actor: Actor
  /** Rights and lifetime that whatever the call makes must not exceed: those of its token, or of the session. */
  authority: Authority
  by: AuditSubject
  /** Caller with any token issued by this portal, even a refused one; for auditing. */
  caller?: { accountId: string; by: AuditSubject }
  /** Key of the MACs that serve as row versions. */
  versionKey: Uint8Array
  /** Body of a call from within the portal, which has no text; undefined for calls over the network. */
  given?: { body: unknown }
  /** Receives the changes that the call would make, none of which is kept; undefined for calls that are carried out. */
  rehearsal?: (changes: readonly Change[]) => void
  /** Looks at the changes of the call before they are kept; throws to keep none of them. */
  approve?: (changes: readonly Change[]) => void
  /** Validated body. */
  body: unknown
  query: unknown
}
