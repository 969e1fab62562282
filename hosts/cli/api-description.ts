import { readFile } from 'node:fs/promises'
import type { DescribedOperation, Description, JsonSchema } from '../api/generate/type-text.ts'

let read: Promise<Description> | undefined

/** Reads the description of the API that the build writes, once. */
export const apiDescription = async (): Promise<Description> =>
  (read ??= readFile(new URL('../api/description.json', import.meta.url), 'utf8').then(
    (text) => JSON.parse(text) as Description,
  ))

/** Returns an operation of the API; undefined if there is none. */
export const operationOf = (
  { paths }: Description,
  method: 'get' | 'post' | 'patch' | 'delete',
  path: string,
): DescribedOperation | undefined => paths[path]?.[method]

/** Returns the schema of an operation's JSON body; undefined if it takes none. */
export const bodyOf = (operation: DescribedOperation): JsonSchema | undefined =>
  operation.requestBody?.content['application/json']?.schema
