// S15: an account always has somebody who can get in as its owner. Checked at the end of every transaction, because the
// last way in may depend on an e-mail address, an actor's type, an identity provider or an identity.
import { speaksFor } from '../text/email-domains.ts'
import type { Actor, Change, Entities, IdentityProviderRow, IdentityRow } from './entities.ts'
import { StoreError } from './store-error.ts'
import type { Reader } from './store.ts'

/** Rows of one account that decide who can get in as its owner. */
export interface AdmittingRows {
  /** Actors that are owners. */
  owners: readonly Actor[]
  providers: readonly IdentityProviderRow[]
  /** Identities of those owners. */
  identities: readonly IdentityRow[]
}

/**
 * Ways in for owners, the best first. Each is checked separately, because an account without an identity provider has
 * only the later ones.
 */
const WAYS: readonly { isOpen: (rows: AdmittingRows) => boolean; refusal: string }[] = [
  {
    isOpen: ({ owners, ...rows }) => owners.some((owner) => canSignIn(owner, rows)),
    refusal:
      'After this nobody could sign in as an owner: give another owner an e-mail address or an identity of an enabled provider first.',
  },
  {
    isOpen: ({ owners, identities }) =>
      owners.some((owner) => isEnabled(owner) && (owner.email !== null || identities.some(isOf(owner)))),
    refusal:
      'After this no owner would have an e-mail address or an identity to sign in by: give one to another owner first.',
  },
  {
    isOpen: ({ owners }) => owners.some(isEnabled),
    refusal: "This is the account's last owner: make somebody else an owner first.",
  },
]

/**
 * Whether an enabled identity provider can sign this owner in: through an identity at that provider, or, while the
 * owner has no identity at all, through an e-mail address in one of the provider's domains.
 */
export const canSignIn = (owner: Actor, { providers, identities }: Omit<AdmittingRows, 'owners'>): boolean =>
  isEnabled(owner) &&
  providers.some((provider) => {
    if (provider.isDisabled) return false
    const isHere = identities.some((row) => isOf(owner)(row) && row.identityProviderId === provider.id)
    return isHere || (owner.email !== null && speaksFor(provider, owner.email) && !identities.some(isOf(owner)))
  })

/**
 * Checks that the changes of a transaction leave each way in open that was open before.
 * @throws StoreError LAST_OWNER if they close the last way in for an owner
 */
export const keepAnOwner = async (reader: Reader, changes: readonly Change[]): Promise<void> => {
  if (!changes.some(mayCloseAWay)) return
  const after = await admittingRows(reader, changes)
  const before = undone(after, changes)
  // Several ways may be closed: the last one in the list is the most basic, and its refusal is the clearest.
  const plainest = WAYS.findLast(({ isOpen }) => !isOpen(after))
  if (plainest === undefined || !WAYS.some(({ isOpen }) => isOpen(before) && !isOpen(after))) return
  throw new StoreError('LAST_OWNER', plainest.refusal)
}

const mayCloseAWay = ({ entity, before }: Change): boolean =>
  (entity === 'actors' && before?.type === 'owner') ||
  ((entity === 'identities' || entity === 'identity_providers') && before !== undefined)

const admittingRows = async (reader: Reader, changes: readonly Change[]): Promise<AdmittingRows> => {
  const owners = await reader.list('actors', { where: { type: 'owner' } })
  const gone = changes.flatMap(({ entity, before }) =>
    entity === 'actors' && before?.type === 'owner' ? [before] : [],
  )
  const identities: IdentityRow[] = []
  for (const actorId of new Set([...owners, ...gone].map(({ id }) => id)))
    identities.push(...(await reader.list('identities', { where: { actorId } })))
  return { owners, providers: await reader.list('identity_providers'), identities }
}

/** Returns the rows as they were before the changes. */
const undone = ({ owners, providers, identities }: AdmittingRows, changes: readonly Change[]): AdmittingRows => {
  const rows = { actors: byId(owners), identity_providers: byId(providers), identities: byId(identities) }
  for (const { entity, id, before } of changes.toReversed()) {
    if (entity !== 'actors' && entity !== 'identities' && entity !== 'identity_providers') continue
    const of = rows[entity] as Map<string, Entities[typeof entity]>
    if (before === undefined) of.delete(id)
    else of.set(id, before)
  }
  return {
    owners: [...rows.actors.values()].filter(({ type }) => type === 'owner'),
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
