import { z } from 'zod'
import { RemovalBody } from './removal.ts'
import type { Endpoint } from './endpoint.ts'
import type { Schemas } from './open-api-schemas.ts'

const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string().describe('The status in words'),
    status: z.int(),
    code: z.string().describe('Stable code, for programs'),
    detail: z.string().describe('What is wrong and what to do, for people'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('Problems by field'),
    request_id: z.string().describe('Id of the request, as in `X-Request-Id` and in the portal’s log'),
    removal: RemovalBody.optional().describe('Of 409 in_use: what would go along'),
    conflicting_id: z.string().optional().describe('Id of the row that already has a unique value'),
  })
  .meta({
    id: 'Problem',
    examples: [
      {
        type: 'about:blank',
        title: 'Conflict',
        status: 409,
        code: 'conflict',
        detail: 'Another one, 018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0f, has the same name.',
        request_id: '6b0f3c1e-52a4-4c1d-8e2f-5a6b7c8d9e0f',
        conflicting_id: '018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0f',
      },
    ],
  })

const REFUSALS = {
  BadRequest: { status: 400, description: 'The query or the body cannot be read', headers: [] },
  Unauthenticated: {
    status: 401,
    description: 'There is no token, or it is not valid',
    headers: ['WWW-Authenticate'],
  },
  Forbidden: {
    status: 403,
    description: 'The token lacks a permission, or its actor may not do this to another actor',
    headers: [],
  },
  NotFound: { status: 404, description: 'There is no such row in this account', headers: [] },
  MethodNotAllowed: { status: 405, description: 'This path has no such method', headers: ['Allow'] },
  Conflict: {
    status: 409,
    description:
      'Another row has the same unique value, others depend on this one, nobody could get in as an owner any more, or a call with the same Idempotency-Key is under way',
    headers: [],
  },
  PreconditionFailed: { status: 412, description: 'Somebody changed the row since', headers: ['ETag'] },
  TooLarge: { status: 413, description: 'The body is too large', headers: [] },
  UnsupportedMediaType: { status: 415, description: 'The body is not JSON in UTF-8, or is compressed', headers: [] },
  NotValid: { status: 422, description: 'The value of a field is not allowed', headers: [] },
  TooManyRequests: { status: 429, description: 'This IP address sends too many requests', headers: ['Retry-After'] },
} as const
type Refusal = keyof typeof REFUSALS

/** Returns references to the refusals that an operation may answer with, by status. */
export const refusalsOf = ({ method, path, body }: Endpoint): Record<string, object> => {
  const isChange = method !== 'GET'
  const isChangeOfOne = isChange && method !== 'POST'
  const names: Refusal[] = [
    'BadRequest',
    'Unauthenticated',
    'Forbidden',
    ...(path.includes(':') || path === '/explain' ? (['NotFound'] as const) : []),
    'MethodNotAllowed',
    ...(isChange ? (['Conflict'] as const) : []),
    ...(isChangeOfOne ? (['PreconditionFailed'] as const) : []),
    ...(body === undefined ? [] : (['TooLarge', 'UnsupportedMediaType', 'NotValid'] as const)),
    'TooManyRequests',
  ]
  return Object.fromEntries(names.map((name) => [REFUSALS[name].status, { $ref: `#/components/responses/${name}` }]))
}

export const sharedHeaders = {
  ETag: {
    description: 'Version of the row or list, for If-Match and If-None-Match',
    schema: { type: 'string' },
    example: '"Jd0p1yWv0bM2cJc2aXJm9A"',
  },
  'X-Request-Id': {
    description:
      'Id of the request: the one of the same header of the request if that has 1 to 64 letters, digits, - and _, else a new one',
    schema: { type: 'string' },
    example: '6b0f3c1e-52a4-4c1d-8e2f-5a6b7c8d9e0f',
  },
  'Idempotent-Replayed': {
    description: 'Whether this is the answer of an earlier call with the same `Idempotency-Key`; absent otherwise',
    schema: { type: 'string', enum: ['true'] },
    example: 'true',
  },
  Location: {
    description: 'Path of the new row at this portal',
    schema: { type: 'string', format: 'uri-reference' },
    example: '/api/v1/groups/018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0f',
  },
  Allow: { description: 'The methods that the path has', schema: { type: 'string' }, example: 'GET, HEAD, OPTIONS' },
  'Retry-After': { description: 'Seconds to wait before asking again', schema: { type: 'string' }, example: '1' },
  'WWW-Authenticate': { description: 'How to send a token', schema: { type: 'string' }, example: 'Bearer' },
} as const

export const sharedResponses = (schemas: Schemas): Record<string, object> => {
  const content = { 'application/problem+json': { schema: schemas.of(ProblemBody, 'output') } }
  const named = Object.entries(REFUSALS).map(([name, { description, headers }]) => [
    name,
    {
      description,
      headers: Object.fromEntries(
        ['X-Request-Id', ...headers].map((header) => [header, { $ref: `#/components/headers/${header}` }]),
      ),
      content,
    },
  ])
  return Object.fromEntries([...named, ['Problem', { description: 'Refused, or failed', content }]])
}
