import { OperatorError } from '../../core/config/operator-error.ts'
import { unixTime } from '../../core/runtime/time.ts'
import { createClock, createRandom } from '../runtime/index.ts'
import type { MadeEmergencyCode, PortalStart } from './config.ts'
import { foldedEmail } from './text/email-address.ts'
import { mayUseEmergencyCode } from './identity/permissions.ts'
import { EMERGENCY_CODE_LIFE_MS, emergencyCodeHash, newEmergencyCode } from './identity/emergency-code.ts'
import type { Actor } from './store/entities.ts'
import { requireDatabase, openRows } from './open-rows.ts'
import type { Store } from './store/store.ts'

/**
 * Creates an emergency code for an owner or admin: valid once, for 10 minutes, at the account's emergency sign-in page. It
 * replaces the account's earlier code and is audited.
 * @throws OperatorError DATABASE_MISSING, DATABASE_UNREACHABLE …, ACCOUNT_UNKNOWN, ADMIN_UNKNOWN
 */
export const makeEmergencyCode = async (
  options: PortalStart & { account: string; adminEmail?: string | undefined; adminId?: string | undefined },
): Promise<MadeEmergencyCode> => {
  const { clock = createClock(), random = createRandom(), config } = options
  await requireDatabase(config)
  const { store } = await openRows({ ...options, clock, random })
  try {
    const account = await store.accountBySlug(options.account)
    if (account === undefined || account.isDisabled) {
      throw new OperatorError('ACCOUNT_UNKNOWN', `There is no enabled account ${options.account}.`)
    }
    const admin = await findAdmin(store, account.id, options)
    const code = newEmergencyCode(random)
    const now = clock.unix()
    const expiresAt = unixTime(now + EMERGENCY_CODE_LIFE_MS)
    await store.emergencyCodes.put(account.id, { actorId: admin.id, hash: emergencyCodeHash(code), expiresAt })
    await store.recordSignIn(account.id, {
      at: now,
      action: 'emergency_code_made',
      reason: 'command_line',
      by: { type: 'system', part: 'command-line' },
      actorId: admin.id,
      identityProviderId: null,
      remoteIp: null,
    })
    const { host, port } = config.listen
    const portal = config.public_url?.replace(/\/$/, '') ?? `http://${host}:${port}`
    return {
      account: { id: account.id, slug: account.slug },
      admin: { id: admin.id, email: admin.email },
      url: `${portal}/${account.slug}/sign_in/emergency`,
      code,
      expires_at: new Date(expiresAt).toISOString(),
    }
  } finally {
    await store.close()
  }
}

const findAdmin = async (
  store: Store,
  accountId: string,
  { adminEmail: email, adminId }: { adminEmail?: string | undefined; adminId?: string | undefined },
): Promise<Actor> => {
  const actors = await store.reader(accountId).list('actors', { where: { isDisabled: false } })
  const admins = actors.filter(mayUseEmergencyCode)
  const folded = email === undefined ? undefined : foldedEmail(email)
  const wanted = admins.filter(
    (admin) =>
      (email === undefined || (folded !== undefined && admin.email === folded)) &&
      (adminId === undefined || admin.id === adminId.toLowerCase()),
  )
  const [admin, ...others] = wanted
  if (admin !== undefined && others.length === 0) return admin
  throw new OperatorError(
    'ADMIN_UNKNOWN',
    admin === undefined
      ? 'This account has no such enabled owner or admin.'
      : 'This account has several owners and admins.',
    admins.length === 0 ? undefined : `Say which, by --admin-id or --admin-email:\n${admins.map(lineOf).join('\n')}`,
  )
}

const lineOf = ({ id, name, email }: Actor): string => `  ${id}  ${email ?? '(no e-mail address)'}  ${name}`
