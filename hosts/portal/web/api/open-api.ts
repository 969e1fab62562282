import { z } from 'zod'
import type { Endpoint } from './endpoint.ts'
import { page } from './page.ts'

const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable: what a program goes by'),
    detail: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' })

/** The API's description (OpenAPI 3.1), from the schemas that validate it. */
export const openApi = (endpoints: readonly Endpoint[], { version, url }: { version: string; url: string }) => {
  const schemas = new Schemas()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}')
    ;(paths[path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint, schemas)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Portreeve', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: `${url}/api/v1` }],
    security: [{ token: [] }],
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } }, schemas: schemas.named },
    paths,
  }
}

const operation = ({ method, path, summary, query, body, answer, status }: Endpoint, schemas: Schemas) => {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', format: 'uuid' },
  }))
  const isList = method === 'GET' && answer instanceof z.ZodObject && 'next_cursor' in answer.shape
  const isChangeOfOne = method === 'PUT' || method === 'PATCH' || method === 'DELETE'
  return {
    summary,
    operationId: `${method.toLowerCase()}${path.replace(/[/:_]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    parameters: [
      ...inPath,
      ...(query !== undefined || isList ? queryParameters(query ?? page.schema, schemas) : []),
      ...(isChangeOfOne ? [IF_MATCH] : []),
    ],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            // No body at all counts as `{}`.
            required: !body.safeParse({}).success,
            content: { 'application/json': { schema: schemas.of(body, 'input') } },
          },
        }),
    responses: {
      [status]: {
        description: summary,
        ...(answer === undefined ? {} : { content: { 'application/json': { schema: schemas.of(answer, 'output') } } }),
      },
      default: {
        description: 'Refused',
        content: { 'application/problem+json': { schema: schemas.of(ProblemBody, 'output') } },
      },
    },
  }
}

/** What may stand behind the question mark, from the schema that validates it. */
const queryParameters = (query: z.ZodType, schemas: Schemas): object[] => {
  const { properties = {}, required = [] } = schemas.of(query, 'input') as {
    properties?: Record<string, { description?: string }>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
    ...(description === undefined ? {} : { description }),
  }))
}

const IF_MATCH = {
  name: 'If-Match',
  in: 'header',
  schema: { type: 'string' },
  description:
    'The ETag of the answer that the change rests on: 412 precondition_failed where somebody changed the row since',
}

/** JSON Schemas, those with a name gathered where OpenAPI has them. */
class Schemas {
  readonly named: Record<string, unknown> = {}

  of(schema: z.ZodType, io: 'input' | 'output'): unknown {
    const text = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any' }))
    const moved = text.replaceAll('"#/$defs/', '"#/components/schemas/')
    const { $schema: _, $defs = {}, ...described } = JSON.parse(moved) as Record<string, object>
    Object.assign(this.named, $defs)
    return described
  }
}
