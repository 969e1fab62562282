import type { Visit } from '../page/admin-parts.ts'
import type { Loaded } from './form-definition.ts'

/** Makes the function that reads the row named in the path from an operation of the API, with its version. */
export const loadedRow =
  <Row>(apiPath: string) =>
  async ({ ctx, parts, caller }: Visit): Promise<Loaded<Row>> => {
    const path = `${apiPath}/${encodeURIComponent(ctx.params['id'] ?? '')}`
    const outcome = await parts.api.call<Row>(caller, { method: 'GET', path })
    if (!outcome.ok) throw outcome.problem
    return { row: outcome.body, version: outcome.version }
  }
