// S15: an account always has somebody who can get in as its admin. Checked at the end of every transaction, because the
// last way in may depend on an e-mail address, an actor's type, an identity provider or an identity.
import { speaksFor } from '../text/email-domains.ts'
import type { Actor, Change, Entities, IdentityProviderRow, IdentityRow } from './entities.ts'
import { StoreError } from './store-error.ts'
import type { Reader } from './store.ts'

/** Rows of one account that decide who can get in as its admin. */
export interface AdmittingRows {
  /** Actors that are admins. */
  admins: readonly Actor[]
  providers: readonly IdentityProviderRow[]
  /** Identities of those admins. */
  identities: readonly IdentityRow[]
}

/**
 * Ways in for admins, the best first. Each is checked separately, because an account without an identity provider has
 * only the later ones.
 */
const WAYS: readonly { isOpen: (rows: AdmittingRows) => boolean; refusal: string }[] = [
  {
    isOpen: ({ admins, ...rows }) => admins.some((admin) => canSignIn(admin, rows)),
    refusal:
      'After this nobody could sign in as an admin: give another admin an e-mail address or an identity of an enabled provider first.',
  },
  {
    isOpen: ({ admins, identities }) =>
      admins.some((admin) => isEnabled(admin) && (admin.email !== null || identities.some(isOf(admin)))),
    refusal:
      'After this no admin would have an e-mail address or an identity to sign in by: give one to another admin first.',
  },
  {
    isOpen: ({ admins }) => admins.some(isEnabled),
    refusal: "This is the account's last admin: make another one first.",
  },
]

/**
 * Whether an enabled identity provider can sign this admin in: through an identity at that provider, or, while the
 * admin has no identity at all, through an e-mail address in one of the provider's domains.
 */
export const canSignIn = (admin: Actor, { providers, identities }: Omit<AdmittingRows, 'admins'>): boolean =>
  isEnabled(admin) &&
  providers.some((provider) => {
    if (provider.isDisabled) return false
    const isHere = identities.some((row) => isOf(admin)(row) && row.identityProviderId === provider.id)
    return isHere || (admin.email !== null && speaksFor(provider, admin.email) && !identities.some(isOf(admin)))
  })

/**
 * Checks that the changes of a transaction leave each way in open that was open before.
 * @throws StoreError LAST_ADMIN if they close the last way in for an admin
 */
export const keepAnAdmin = async (reader: Reader, changes: readonly Change[]): Promise<void> => {
  if (!changes.some(mayCloseAWay)) return
  const after = await admittingRows(reader, changes)
  const before = undone(after, changes)
  // Several ways may be closed: the last one in the list is the most basic, and its refusal is the clearest.
  const plainest = WAYS.findLast(({ isOpen }) => !isOpen(after))
  if (plainest === undefined || !WAYS.some(({ isOpen }) => isOpen(before) && !isOpen(after))) return
  throw new StoreError('LAST_ADMIN', plainest.refusal)
}

const mayCloseAWay = ({ entity, before }: Change): boolean =>
  (entity === 'actors' && before?.type === 'admin') ||
  ((entity === 'identities' || entity === 'identity_providers') && before !== undefined)

const admittingRows = async (reader: Reader, changes: readonly Change[]): Promise<AdmittingRows> => {
  const admins = await reader.list('actors', { where: { type: 'admin' } })
  const gone = changes.flatMap(({ entity, before }) =>
    entity === 'actors' && before?.type === 'admin' ? [before] : [],
  )
  const identities: IdentityRow[] = []
  for (const actorId of new Set([...admins, ...gone].map(({ id }) => id)))
    identities.push(...(await reader.list('identities', { where: { actorId } })))
  return { admins, providers: await reader.list('identity_providers'), identities }
}

/** Returns the rows as they were before the changes. */
const undone = ({ admins, providers, identities }: AdmittingRows, changes: readonly Change[]): AdmittingRows => {
  const rows = { actors: byId(admins), identity_providers: byId(providers), identities: byId(identities) }
  for (const { entity, id, before } of changes.toReversed()) {
    if (entity !== 'actors' && entity !== 'identities' && entity !== 'identity_providers') continue
    const of = rows[entity] as Map<string, Entities[typeof entity]>
    if (before === undefined) of.delete(id)
    else of.set(id, before)
  }
  return {
    admins: [...rows.actors.values()].filter(({ type }) => type === 'admin'),
    providers: [...rows.identity_providers.values()],
    identities: [...rows.identities.values()],
  }
}

const byId = <Row extends { id: string }>(rows: readonly Row[]): Map<string, Row> =>
  new Map(rows.map((row) => [row.id, row]))

const isEnabled = ({ isDisabled }: Actor): boolean => !isDisabled

const isOf =
  ({ id }: Actor) =>
  ({ actorId }: IdentityRow): boolean =>
    actorId === id
