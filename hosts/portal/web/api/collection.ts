import type { Entities, EntityName } from '../../store/entities.ts'
import type { Test } from '../../store/find-query.ts'
import type { Draft, Patch, Reader, Scope, Store, Transaction, WritableName } from '../../store/store.ts'
import { notFound } from '../http/problem.ts'
import type { ApiContext, ApiMiddleware } from './endpoint.ts'
import { answerList } from './answer-list.ts'
import type { List } from './list-query.ts'
import { checkMatch, rowVersion } from './row-version.ts'
import { Id } from './body-fields.ts'

/** Final middlewares of most operations on one collection of rows. */
export interface Collection<Name extends EntityName> {
  /**
   * Middlewares that answer with a page of the list that the query asks for: of all rows of the account, of those that
   * pass the tests, or of those of the parent row named in the path, which must exist.
   */
  list: (
    list: List<Name>,
    of?:
      | { parent: EntityName; within: (id: string) => readonly Test<Name>[] }
      | { parent?: undefined; within: readonly Test<Name>[] },
  ) => readonly ApiMiddleware[]
  show: ApiMiddleware
  /** Middleware that inserts the row that `draft` returns, in one transaction with anything that `draft` writes itself. */
  insert: (draft: (ctx: ApiContext, tx: Transaction) => Promise<Draft<Name>>) => ApiMiddleware
  patch: (patch: (ctx: ApiContext, tx: Transaction) => Promise<Patch<Name>>) => ApiMiddleware
  /** Middleware that removes the row and all rows that reference it; `check` may refuse by throwing. */
  remove: (check?: (ctx: ApiContext, tx: Transaction) => Promise<void>) => ApiMiddleware
}

/** Makes the final middlewares for a collection; `toWire` converts a row to its JSON form. */
export const collection = <Name extends WritableName>(
  store: Store,
  name: Name,
  toWire: (row: Entities[Name]) => unknown,
): Collection<Name> => ({
  list: (list, of) => [
    async (ctx) => {
      const reader = store.reader(ctx.state.account.id)
      const within =
        of?.parent === undefined ? of?.within : of.within((await existing(reader, of.parent, idOf(ctx))).id)
      await answerList(ctx, { name, list, reader, toWire, within })
    },
  ],
  show: async (ctx) => {
    const row = await store.reader(ctx.state.account.id).get(name, idOf(ctx))
    if (row === undefined) throw notFound()
    answerWith(ctx, name, row, toWire)
  },
  insert: (draft) => async (ctx) => {
    const row = await store.transact(scopeOf(ctx), async (tx) => tx.insert(name, await draft(ctx, tx)))
    ctx.status = 201
    ctx.set('Location', `${ctx.path}/${row.id}`)
    answerWith(ctx, name, row, toWire)
  },
  patch: (patch) => async (ctx) => {
    const row = await store.transact(scopeOf(ctx), async (tx) => {
      await checkVersion(ctx, tx, name, toWire)
      return tx.patch(name, idOf(ctx), await patch(ctx, tx))
    })
    if (row === undefined) throw notFound()
    answerWith(ctx, name, row, toWire)
  },
  remove: (check) => async (ctx) => {
    await store.transact(scopeOf(ctx), async (tx) => {
      await checkVersion(ctx, tx, name, toWire)
      await check?.(ctx, tx)
      await tx.remove(name, idOf(ctx))
    })
    ctx.status = 204
  },
})

/** Answers with one row, and its version in the ETag header. */
export const answerWith = <Name extends EntityName>(
  ctx: ApiContext,
  name: Name,
  row: Entities[Name],
  toWire: (row: Entities[Name]) => unknown,
): void => {
  const shown = toWire(row)
  ctx.body = shown
  ctx.set('ETag', rowVersion(ctx, name, row, shown))
}

/** Checks that the row named in the path has the version named in If-Match. @throws Problem 404, 412 */
const checkVersion = async <Name extends EntityName>(
  ctx: ApiContext,
  tx: Transaction,
  name: Name,
  toWire: (row: Entities[Name]) => unknown,
): Promise<void> => {
  const row = await existing(tx, name, idOf(ctx))
  checkMatch(ctx, rowVersion(ctx, name, row, toWire(row)))
}

export const scopeOf = ({ state }: ApiContext): Scope => ({
  accountId: state.account.id,
  by: state.by,
  ...(state.rehearsal === undefined ? {} : { rehearsal: state.rehearsal }),
  ...(state.approve === undefined ? {} : { approve: state.approve }),
})

/** Returns the id in the path. @throws Problem 404 if it is not an id */
export const idOf = (ctx: ApiContext): string => {
  const id = Id.safeParse(ctx.params['id'])
  if (!id.success) throw notFound()
  return id.data
}

/** Returns a row. @throws Problem 404 if there is none */
export const existing = async <Name extends EntityName>(
  reader: Reader,
  name: Name,
  id: string,
): Promise<Entities[Name]> => {
  const row = await reader.get(name, id)
  if (row === undefined) throw notFound()
  return row
}
