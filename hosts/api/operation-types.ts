import type { Operations } from './operations.ts'

/** Name of an operation: its method and its path, such as `GET /sites/{id}`. */
export type OperationName = keyof Operations

/** Answer of an operation; undefined if it has none. */
export type AnswerOf<Name extends OperationName> = Operations[Name]['answer']

/** Input that an operation takes: parameters of its path, its query and its body, and headers that all operations have. */
export type InputOf<Name extends OperationName> = MemberOf<Name, 'path'> &
  QueryOf<Name> &
  MemberOf<Name, 'body'> & {
    /** Version (`etag`) of the row that a change is based on; it is refused if somebody changed the row since. */
    ifMatch?: string | undefined
    /** Key by which a creation is done once, however often it is sent; a random one by default. */
    idempotencyKey?: string | undefined
    signal?: AbortSignal | undefined
  }

type MemberOf<Name extends OperationName, Member extends string> = Member extends keyof Operations[Name]
  ? Partial<Operations[Name][Member]> extends Operations[Name][Member]
    ? { readonly [Key in Member]?: Operations[Name][Member] | undefined }
    : { readonly [Key in Member]: Operations[Name][Member] }
  : { readonly [Key in Member]?: undefined }

type QueryOf<Name extends OperationName> = MemberOf<Name, 'query'>

/** Name of an operation that answers with a list, page by page. */
export type ListName = {
  [Name in OperationName]: AnswerOf<Name> extends { data: readonly unknown[]; next_cursor: string | null }
    ? Name
    : never
}[OperationName]

/** Row of a list. */
export type RowOf<Name extends ListName> = AnswerOf<Name> extends { data: readonly (infer Row)[] } ? Row : never
