/**
 * Schema of plain data: zod from 4.2 on, or any library that follows Standard Schema (https://standardschema.dev) and Standard JSON
 * Schema. It has to answer at once: a promise is refused.
 */
export interface Schema<Output, Input = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    readonly validate: (value: unknown) => Validation<Output> | Promise<Validation<Output>>
    /** JSON Schema of the values that are accepted. zod before 4.2 lacks this member, and so does not compile here. */
    readonly jsonSchema: { readonly input: (options: { readonly target: 'draft-2020-12' }) => Record<string, unknown> }
  }
}

export type Validation<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
