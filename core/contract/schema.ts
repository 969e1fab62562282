/**
 * Schema of plain data: one of zod 4.2 or later, or of any library that follows Standard Schema
 * (https://standardschema.dev) and Standard JSON Schema. It must validate synchronously: a promise is refused.
 */
export interface Schema<Output, Input = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    readonly validate: (value: unknown) => Validation<Output> | Promise<Validation<Output>>
    /** Returns a JSON Schema of the accepted values. zod before 4.2 lacks this member, and so does not compile. */
    readonly jsonSchema: { readonly input: (options: { readonly target: 'draft-2020-12' }) => Record<string, unknown> }
  }
}

/** Result of validation: the parsed value, or the issues found. */
export type Validation<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One issue that validation found, at a path within the value. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}
