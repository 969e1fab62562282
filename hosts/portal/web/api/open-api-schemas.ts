import { z } from 'zod'
import { AS } from './body-fields.ts'

type JsonSchema = Record<string, unknown>

/** Converts schemas of bodies and answers to JSON Schema, and collects named ones for OpenAPI's components. */
export class Schemas {
  readonly named: Record<string, unknown> = {}

  /**
   * Converts one schema. Request bodies allow no further members, so that a misspelt one is noticed; answers allow
   * them, so that a new member breaks no program.
   */
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
