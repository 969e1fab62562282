import type { Middleware } from 'koa'
import type { Templates } from '../http/pages.ts'

/** Part of the API's description (OpenAPI 3.1) that the page shows. */
interface Description {
  info: { version: string; description: string }
  servers: readonly { url: string }[]
  tags: readonly { name: string; description: string }[]
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  components: { schemas: Readonly<Record<string, Schema>> }
}

interface Operation {
  tags: readonly string[]
  summary: string
  description: string
  operationId: string
  parameters: readonly { name: string; in: string; required: boolean; description?: string; schema: Schema }[]
  requestBody?: { description: string; content: Readonly<Record<string, { schema: Schema; example?: object }>> }
  responses: Readonly<Record<string, { content?: Readonly<Record<string, { schema: Schema }>> }>>
}

interface Schema {
  $ref?: string
  type?: string | readonly string[]
  format?: string
  enum?: readonly unknown[]
  items?: Schema
  anyOf?: readonly Schema[]
  properties?: Readonly<Record<string, Schema>>
  required?: readonly string[]
  description?: string
}

/** Path of the page. */
export const DOCS_PATH = '/api/docs'

/** Serves the API's description as a page: every operation, what it takes and answers, and a line for a shell. */
export const docsPage = (pages: Templates, describe: () => unknown): Middleware => {
  let text: string | undefined
  return async (ctx, next) => {
    if (ctx.path !== DOCS_PATH) return next()
    text ??= pages.text('docs', viewOf(describe() as Description))
    ctx.type = 'text/html; charset=utf-8'
    ctx.set('Cache-Control', 'private, no-cache')
    ctx.body = text
  }
}

const viewOf = (api: Description): Readonly<Record<string, unknown>> => {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationView(api, { method, path, operation })),
  )
  return {
    title: 'The REST API',
    wide: true,
    version: api.info.version,
    about: api.info.description.split('\n\n').map(spansOf),
    tags: api.tags.map(({ name, description }) => ({
      name,
      description,
      operations: operations.filter(({ tags }) => tags.includes(name)),
    })),
  }
}

const operationView = (
  api: Description,
  { method, path, operation }: { method: string; path: string; operation: Operation },
) => {
  const body = Object.values(operation.requestBody?.content ?? {})[0]
  const [[status, answer] = ['']] = Object.entries(operation.responses)
  const example = body?.example === undefined ? undefined : JSON.stringify(body.example, undefined, 2)
  return {
    tags: operation.tags,
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    summary: operation.summary,
    description: spansOf(operation.description),
    parameters: operation.parameters.map((each) => ({
      name: each.name,
      type: `${each.in}, ${each.required ? 'required' : 'optional'}: ${typeOf(each.schema)}`,
      text: spansOf(each.description ?? ''),
    })),
    body: fieldsOf(api, body?.schema),
    bodyText: operation.requestBody?.description,
    status,
    answer: fieldsOf(api, Object.values(answer?.content ?? {})[0]?.schema),
    curl: curlOf({ method: method.toUpperCase(), url: `${api.servers[0]?.url ?? ''}${path}`, example }),
  }
}

/** Lists the members of an object's schema, those of the rows of a page included. */
const fieldsOf = (api: Description, schema: Schema | undefined, prefix = ''): object[] => {
  const { properties = {}, required = [] } = resolved(api, schema ?? {})
  return Object.entries(properties).flatMap(([name, member]) => {
    const field = {
      name: `${prefix}${name}`,
      type: `${typeOf(member)}${required.includes(name) ? '' : ', optional'}`,
      text: spansOf(member.description ?? ''),
    }
    const rows = name === 'data' && member.items !== undefined ? fieldsOf(api, member.items, 'data[].') : []
    return [field, ...rows]
  })
}

const resolved = (api: Description, schema: Schema): Schema =>
  schema.$ref === undefined ? schema : (api.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})

const typeOf = (schema: Schema): string => {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? ''
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ')
  if (schema.enum !== undefined) return `one of ${schema.enum.map(String).join(', ')}`
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`
  return schema.format ?? [schema.type ?? 'any value'].flat().join(' or ')
}

/** Splits a text with code between backticks into pieces, every other one code. */
const spansOf = (text: string): { text: string; isCode: boolean }[] =>
  text.split('`').map((piece, index) => ({ text: piece, isCode: index % 2 === 1 }))

const curlOf = ({ method, url, example }: { method: string; url: string; example: string | undefined }): string =>
  [
    `curl -H "Authorization: Bearer $TOKEN"${method === 'GET' ? '' : ` -X ${method}`} ${quoted(url)}`,
    ...(example === undefined ? [] : [`  -H 'Content-Type: application/json' -d ${quoted(example)}`]),
  ].join(' \\\n')

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`
