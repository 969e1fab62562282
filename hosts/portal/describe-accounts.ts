import { openWholeDatabase } from './back-up.ts'
import type { PortalStart } from './config.ts'
import { requireDatabase } from './open-rows.ts'

/** Account of a portal's database, and what it has. */
export interface AccountSummary {
  slug: string
  people: number
  identityProviders: number
  sites: number
  resources: number
}

/** Returns the accounts of a portal, also while it runs; nothing is migrated. @throws OperatorError DATABASE_MISSING … */
export const describeAccounts = async (options: PortalStart): Promise<AccountSummary[]> => {
  await requireDatabase(options.config)
  const dialect = await openWholeDatabase(options)
  try {
    return await dialect.whole.snapshot(async (transaction) => {
      if (!(await transaction.schema.hasTable('accounts'))) return []
      const count = async (table: string, account_id: string): Promise<number> => {
        const [row] = (await transaction(table).where({ account_id }).count({ count: '*' })) as { count?: unknown }[]
        return Number(row?.count ?? 0)
      }
      const accounts = (await transaction('accounts').orderBy('slug').select('id', 'slug')) as {
        id: string
        slug: string
      }[]
      const found: AccountSummary[] = []
      for (const { id, slug } of accounts) {
        found.push({
          slug,
          people: await count('actors', id),
          identityProviders: await count('identity_providers', id),
          sites: await count('sites', id),
          resources: await count('resources', id),
        })
      }
      return found
    })
  } catch (error) {
    throw dialect.operatorErrorOf(error)
  } finally {
    await dialect.close()
  }
}
