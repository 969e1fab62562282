import { z } from 'zod'
import type { Store } from '../../../store/store.ts'
import type { PortalSession } from '../../sign-in/session.ts'

const Content = z.object({
  columns: z
    .record(z.string(), z.array(z.string().max(64)).max(64))
    .catch({})
    .default({}),
  hasKeys: z.boolean().catch(true).default(true),
})

/** Choices of a person about the pages for admins. */
export interface Preferences {
  /** Keys of the columns that each list shows besides its first, by the list's path. */
  columns: Readonly<Record<string, readonly string[]>>
  /** Whether single keys act on the pages. */
  hasKeys: boolean
}

/** Reads the choices of a session's person; those that she did not make, and what cannot be read, are the usual ones. */
export const readPreferences = async ({ pagePreferences }: Store, session: PortalSession): Promise<Preferences> => {
  const stored = await pagePreferences.get(ownerOf(session))
  return Content.parse(stored === undefined ? {} : JSON.parse(stored))
}

/** Changes choices of a session's person. */
export const changePreferences = async (
  store: Store,
  session: PortalSession,
  change: (present: Preferences) => Preferences,
): Promise<void> => {
  const present = await readPreferences(store, session)
  await store.pagePreferences.put(ownerOf(session), JSON.stringify(change(present)))
}

const ownerOf = ({ account, actor }: PortalSession) => ({ accountId: account.id, actorId: actor.id })
