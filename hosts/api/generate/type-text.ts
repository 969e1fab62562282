// Writes TypeScript types for the JSON Schemas of an OpenAPI description. openapi-typescript does the same, by the JavaScript API
// of the compiler, which TypeScript 7 does not have.

/** JSON Schema, as far as zod writes it. */
export interface JsonSchema {
  $ref?: string
  type?: string | readonly string[]
  enum?: readonly unknown[]
  const?: unknown
  anyOf?: readonly JsonSchema[]
  oneOf?: readonly JsonSchema[]
  allOf?: readonly JsonSchema[]
  items?: JsonSchema
  properties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[]
  additionalProperties?: JsonSchema | boolean
  description?: string
  default?: unknown
}

/** One operation of an OpenAPI description. */
export interface DescribedOperation {
  summary: string
  description: string
  parameters: readonly {
    name: string
    in: string
    required: boolean
    schema: JsonSchema
    description?: string
  }[]
  requestBody?: { required: boolean; content: Readonly<Record<string, { schema: JsonSchema }>> }
  responses: Readonly<Record<string, { content?: Readonly<Record<string, { schema: JsonSchema }>> }>>
}

/** OpenAPI description of the portal's API. */
export interface Description {
  paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>
  components: { schemas: Readonly<Record<string, JsonSchema>> }
}

/** Returns the source text of a module with a type for each named schema and each operation. */
export const typeText = ({ paths, components }: Description): string => {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  )
  const creations = operations.filter(({ operation }) => operation.parameters.some(({ name }) => name === KEY_HEADER))
  return [
    '// Written by hosts/api/generate from the portal’s OpenAPI description at each build. Changes by hand are lost.',
    ...Object.entries(components.schemas).flatMap(([name, schema]) => [
      '',
      `/** Schema \`${name}\` of the API. */`,
      `export type ${name} = ${typeOf(schema, '')}`,
    ]),
    '',
    '/** Operations of the API by method and path, with what each takes and answers. */',
    'export interface Operations {',
    ...operations.map(
      ({ name, operation }) => `${comment(operation.summary, '  ')}  '${name}': ${operationType(operation)}`,
    ),
    '}',
    '',
    '/** Operations that create something, which a key keeps from being done twice. */',
    'export const CREATIONS: ReadonlySet<string> = new Set([',
    ...creations.map(({ name }) => `  '${name}',`),
    '])',
    '',
  ].join('\n')
}

const KEY_HEADER = 'Idempotency-Key'

const operationType = ({ parameters, requestBody, responses }: DescribedOperation): string => {
  const inPath = parameters.filter((each) => each.in === 'path').map(({ name }) => [name, { type: 'string' }] as const)
  const inQuery = parameters.filter((each) => each.in === 'query')
  const body = requestBody?.content['application/json']?.schema
  const query: JsonSchema = {
    properties: Object.fromEntries(
      inQuery.map(({ name, schema, description }) => [
        name,
        description === undefined ? schema : { ...schema, description },
      ]),
    ),
    required: inQuery.filter(({ required }) => required).map(({ name }) => name),
    additionalProperties: false,
  }
  const path: JsonSchema = {
    properties: Object.fromEntries(inPath),
    required: inPath.map(([name]) => name),
    additionalProperties: false,
  }
  const answers = Object.entries(responses)
    .filter(([status]) => /^2\d\d$/.test(status))
    .map(([, { content }]) => content?.['application/json']?.schema)
    .map((schema) => (schema === undefined ? 'undefined' : typeOf(schema, '    ')))
  return [
    '{',
    ...(inPath.length === 0 ? [] : [`    path: ${typeOf(path, '    ')}`]),
    ...(inQuery.length === 0 ? [] : [`    query: ${typeOf(query, '    ')}`]),
    ...(body === undefined ? [] : [`    body: ${typeOf(body, '    ')}`]),
    `    answer: ${[...new Set(answers)].join(' | ')}`,
    '  }',
  ].join('\n')
}

/** Returns the type of a schema; `indent` is that of the line in which it begins. */
const typeOf = (schema: JsonSchema, indent: string): string => {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if (schema.const !== undefined) return literal(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(literal).join(' | ')
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives !== undefined)
    return joined(
      alternatives.map((each) => typeOf(each, indent)),
      ' | ',
    )
  if (schema.allOf !== undefined)
    return joined(
      schema.allOf.map((each) => `(${typeOf(each, indent)})`),
      ' & ',
    )
  if (Array.isArray(schema.type))
    return joined(
      schema.type.map((type: string) => typeOf({ ...schema, type }, indent)),
      ' | ',
    )
  switch (schema.type) {
    case 'string':
      return 'string'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'null':
      return 'null'
    case 'array':
      return `ReadonlyArray<${typeOf(schema.items ?? {}, indent)}>`
    default:
      return schema.type === 'object' || schema.properties !== undefined ? objectType(schema, indent) : 'unknown'
  }
}

const objectType = ({ properties, required = [], additionalProperties }: JsonSchema, indent: string): string => {
  const inner = `${indent}  `
  if (properties === undefined) {
    const value = typeof additionalProperties === 'object' ? typeOf(additionalProperties, inner) : 'unknown'
    return `Readonly<Record<string, ${value}>>`
  }
  const members = Object.entries(properties).map(([name, member]) => {
    const isNeeded = required.includes(name) && member.default === undefined
    // An optional member may be given as undefined, too: JSON leaves it out.
    const type = typeOf(member, inner)
    const told =
      member.description === undefined || member.description === 'An id'
        ? ''
        : comment(`\`${name}\`: ${member.description}`, inner)
    return `${told}${inner}readonly ${name}${isNeeded ? '' : '?'}: ${type}${isNeeded || type === 'unknown' ? '' : ' | undefined'}`
  })
  return ['{', ...members, `${indent}}`].join('\n')
}

const comment = (text: string, indent: string): string =>
  `${indent}/** ${text.replaceAll('*/', '*\\/').replaceAll(/\s+/g, ' ')} */\n`

const literal = (value: unknown): string =>
  typeof value === 'string' ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'` : JSON.stringify(value)

/** Joins types; one that may be anything takes all others in. */
const joined = (types: readonly string[], by: string): string =>
  types.includes('unknown') ? 'unknown' : [...new Set(types)].join(by)
