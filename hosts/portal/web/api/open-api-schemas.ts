import { z } from 'zod'
import { AS } from './wire.ts'

type JsonSchema = Record<string, unknown>

/** JSON Schemas of bodies and answers, those with a name gathered where OpenAPI has them. */
export class Schemas {
  readonly named: Record<string, unknown> = {}

  /** What is sent is closed, so that a misspelt member is noticed; what is answered is open, so that a new member breaks nobody. */
  of(schema: z.ZodType, io: 'input' | 'output'): unknown {
    const described = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ jsonSchema }) => {
        const json = jsonSchema as JsonSchema
        const { [AS]: instead } = json
        if (instead !== undefined) replace(json, instead as JsonSchema)
        if (io === 'output' && json['additionalProperties'] === false) delete json['additionalProperties']
      },
    })
    const moved = JSON.stringify(described).replaceAll('"#/$defs/', '"#/components/schemas/')
    const { $schema: _, $defs = {}, ...rest } = JSON.parse(moved) as Record<string, object>
    Object.assign(this.named, $defs)
    return rest
  }
}

const replace = (json: JsonSchema, instead: JsonSchema): void => {
  const { description, examples } = json
  for (const key of Object.keys(json)) delete json[key]
  Object.assign(json, instead, defined({ description, examples }))
}

const defined = (members: JsonSchema): JsonSchema =>
  Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined))
