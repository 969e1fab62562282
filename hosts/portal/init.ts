import { z } from 'zod'
import { OperatorError } from '../../core/config/operator-error.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { createClock, createRandom } from '../runtime/index.ts'
import type { PortalInit, PortalInitialised } from './config.ts'
import { EmailAddress } from './text/email-address.ts'
import { API_TOKEN_LIFE_MS } from './identity/tokens.ts'
import { openRows } from './open-rows.ts'
import { StoreError } from './store/store-error.ts'

/** Slugs that would collide with the first path segments of the portal's own pages. */
const RESERVED_SLUGS = new Set(['api', 'assets', 'auth', 'client', 'gateway', 'relay', 'healthz', 'readyz', 'metrics'])

const Slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{1,62}$/, 'use 2 to 63 lower-case letters, digits, - and _')
  .refine((text) => !RESERVED_SLUGS.has(text), 'this one is the portal’s own')

/**
 * Creates an account with its owner and a first API token, valid for 90 days; the token is returned only here.
 * @throws OperatorError ACCOUNT_INVALID, ACCOUNT_EXISTS
 */
export const initPortal = async (options: PortalInit): Promise<PortalInitialised> => {
  const slug = checked('the account', Slug, options.account)
  const email = checked('the e-mail address', EmailAddress, options.adminEmail)
  const { clock = createClock(), random = createRandom() } = options
  const { store, tokens } = await openRows({ ...options, clock, random })
  const by = { type: 'system', part: 'init' } as const
  try {
    const account = await store.createAccount({ slug, name: slug }, by)
    const { admin, minted } = await store.transact({ accountId: account.id, by }, async (tx) => {
      const admin = await tx.insert('actors', { type: 'owner', name: email, email, isDisabled: false })
      const minted = await tokens.mint(tx, account.id, {
        kind: 'api',
        name: 'First API token',
        actorId: admin.id,
        makerId: admin.id,
        expiresAt: unixTime(clock.unix() + API_TOKEN_LIFE_MS),
      })
      return { admin, minted }
    })
    return { account: { id: account.id, slug }, admin: { id: admin.id, email }, token: minted.text }
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'CONFLICT') throw error
    throw new OperatorError('ACCOUNT_EXISTS', `There is an account ${slug} already.`, 'Choose another slug.')
  } finally {
    await store.close()
  }
}

const checked = (what: string, schema: z.ZodType<string>, value: string): string => {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ message }) => message).join('; ')
  throw new OperatorError('ACCOUNT_INVALID', `${what} "${value}" is not valid: ${problems}.`)
}
