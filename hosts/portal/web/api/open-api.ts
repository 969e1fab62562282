import { z } from 'zod'
import { may, ROLES, type Role } from '../../identity/permissions.ts'
import { API_PATH, type Endpoint } from './endpoint.ts'
import { IDEMPOTENCY_KEY_FORM, isCreation } from './idempotency.ts'
import { exampleOf } from './open-api-examples.ts'
import { refusalsOf, sharedHeaders, sharedResponses } from './open-api-refusals.ts'
import { RemovalBody, RemovalQuery } from './removal.ts'
import { Format } from './list-query.ts'
import { Schemas } from './open-api-schemas.ts'
import { TAGS, tagOf } from './open-api-tags.ts'
import { MEDIA_TYPES, STREAMED } from './streamed-rows.ts'

/** Builds the API's description (OpenAPI 3.1) from the schemas that validate requests. */
export const openApi = (endpoints: readonly Endpoint[], { version, url }: { version: string; url: string }) => {
  const schemas = new Schemas()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}')
    ;(paths[path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint, schemas)
  }
  const used = new Set(endpoints.map(tagOf))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Portreeve',
      version,
      summary: 'The REST API of a Portreeve portal',
      description: ABOUT,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: "The portal's operator", url },
    },
    servers: [{ url: `${url}${API_PATH}`, description: 'This portal' }],
    tags: TAGS.filter(({ name }) => used.has(name)),
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API token of a person with a role or of a service account; its scopes are permissions',
        },
      },
      headers: sharedHeaders,
      responses: sharedResponses(schemas),
      schemas: schemas.named,
    },
  }
}

const ABOUT = `Everything that an admin may see and change in an account.

Members are snake_case; times are RFC 3339 in UTC. Names are stored in NFC with each run of blanks as one space; invisible characters are
refused. Lists come in pages: \`next_cursor\` of a page is the \`cursor\` of the next, and null at the end. Members left out of a PATCH keep
their value. Each row has an \`ETag\`: with it in \`If-Match\`, a change is refused if somebody else changed the row meanwhile; with it in
\`If-None-Match\`, the answer is 304 if nothing changed. Answers may have further members in later versions. Problems are RFC 9457; programs
should go by \`code\`.

A permission is of reading or writing one kind of thing, such as \`policies:write\`. A call may do what the role of the token's actor, the
token's scopes and the role of whoever made the token have in common; a service account may do what an admin may, but nothing to people with a
role.`

const operation = (endpoint: Endpoint, schemas: Schemas) => {
  const { method, path, summary, description, query, body, answer, status } = endpoint
  const isChangeOfOne = method === 'PUT' || method === 'PATCH' || method === 'DELETE'
  return {
    tags: [tagOf(endpoint)],
    summary,
    description: `${description ?? `${summary}.${isList(endpoint) ? ' The oldest come first, a page at a time.' : ''}`} ${needed(endpoint)}`,
    security: [{ token: endpoint.needs === null ? [] : [endpoint.needs] }],
    operationId: `${method.toLowerCase()}${path.replace(/[/:_]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    parameters: [
      ...pathParameters(path),
      ...(query === undefined ? [] : queryParameters(query, schemas)),
      ...(isCreation(endpoint) ? [IDEMPOTENCY_KEY] : []),
      ...(isChangeOfOne ? [IF_MATCH] : method === 'GET' ? [IF_NONE_MATCH] : []),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: requestBody(body, { schemas, example: exampleOf(endpoint), kib: endpoint.bodyKiB ?? 128 }) }),
    responses: {
      [status]: {
        description: status === 204 ? 'Done' : status === 201 ? 'Created' : 'The answer',
        headers: headersOf(endpoint),
        ...(answer === undefined
          ? {}
          : { content: { 'application/json': { schema: schemas.of(answer, 'output') }, ...streamed(endpoint) } }),
      },
      ...(query === RemovalQuery ? { 200: dryRun(schemas) } : {}),
      ...(method === 'GET' ? { 304: { description: 'The caller has this version already', headers: ETAG } } : {}),
      ...refusalsOf(endpoint),
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

/** Says which permission an operation needs, and which people have it. */
const needed = ({ needs }: Endpoint): string => {
  if (needs === null) return 'Needs no permission: every API token may call it.'
  const who = ROLES.filter((role) => may(role, needs)).map((role) => NAMES[role])
  return `Needs the permission \`${needs}\`, which ${who.length === 1 ? `${who[0]} have` : `${who.slice(0, -1).join(', ')} and ${who.at(-1)} have`}.`
}

const NAMES: Readonly<Record<Role, string>> = {
  owner: 'owners',
  admin: 'admins',
  auditor: 'auditors',
  helpdesk: 'the helpdesk',
}

const dryRun = (schemas: Schemas): object => ({
  description: 'What would go along; the answer to a dry run',
  headers: { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } },
  content: { 'application/json': { schema: schemas.of(RemovalBody, 'output') } },
})

const isList = ({ method, answer }: Endpoint): boolean =>
  method === 'GET' && answer instanceof z.ZodObject && 'next_cursor' in answer.shape

/** Describes the forms of a list that have all of its rows. */
const streamed = ({ query }: Endpoint): Record<string, object> =>
  query instanceof z.ZodObject && query.shape['format'] === Format
    ? Object.fromEntries(STREAMED.map((form) => [MEDIA_TYPES[form], { schema: { type: 'string' } }]))
    : {}

const requestBody = (
  body: z.ZodType,
  { schemas, example, kib }: { schemas: Schemas; example: object | undefined; kib: number },
) => ({
  description: `UTF-8 JSON, at most ${kib} KiB. Members that are not named here are refused.`,
  // An absent body counts as `{}`.
  required: !body.safeParse({}).success,
  content: { 'application/json': { schema: schemas.of(body, 'input'), ...(example && { example }) } },
})

const ETAG = { ETag: { $ref: '#/components/headers/ETag' } }

const headersOf = ({ method, path, status, body }: Endpoint): Record<string, object> => {
  const isToken = path.endsWith('tokens') || path.endsWith('rotate_token')
  const hasVersion = method === 'GET' || (status !== 204 && body !== undefined && method !== 'POST')
  const headers: Record<string, object> = {
    'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' },
    ...(hasVersion || (status === 201 && !isToken) ? ETAG : {}),
    ...(status === 201
      ? {
          Location: { $ref: '#/components/headers/Location' },
          'Idempotent-Replayed': { $ref: '#/components/headers/Idempotent-Replayed' },
        }
      : {}),
  }
  return headers
}

const pathParameters = (path: string): object[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: 'The id of the row',
    schema: { type: 'string', ...(name === 'id' ? { format: 'uuid' } : {}) },
  }))

/** Describes the query parameters, from the schema that validates them. */
const queryParameters = (query: z.ZodType, schemas: Schemas): object[] => {
  const { properties = {}, required = [] } = schemas.of(query, 'input') as {
    properties?: Record<string, { description?: string; type?: string }>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
    // Values separated by commas.
    ...(schema.type === 'array' ? { style: 'form', explode: false } : {}),
    ...(description === undefined ? {} : { description }),
  }))
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  schema: { type: 'string', pattern: IDEMPOTENCY_KEY_FORM.source },
  description:
    'A text of your choice, such as a UUID, 1 to 255 characters, in quotation marks or not. A call of the same token with the same key and the same body is carried ' +
    'out once within 24 hours: later ones get the first answer, with `Idempotent-Replayed: true`; 409 idempotency_key_in_use while the first is under way, ' +
    '422 idempotency_key_reused with another body. A refused call gives its key back.',
}

const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  required: false,
  schema: { type: 'string' },
  description:
    'ETag of the answer that the change is based on; if somebody changed the row since, the answer is 412 precondition_failed',
}

const IF_NONE_MATCH = {
  name: 'If-None-Match',
  in: 'header',
  required: false,
  schema: { type: 'string' },
  description: 'ETag of the answer that the caller has; if it is still the same, the answer is 304',
}
