import type { Visit } from './admin-parts.ts'

/** Rows that a field offers at most; beyond that one searches for them. */
const MAX_CHOICES = 2_000

/** Returns rows of a kind as choices of a field, by name. */
export const choicesOf = async (
  { parts, caller }: Visit,
  kind: 'groups' | 'resources' | 'sites' | 'actors' | 'identity_providers',
): Promise<{ value: string; text: string }[]> =>
  (await parts.store.reader(caller.account.id).list(kind, { limit: MAX_CHOICES }))
    .map(({ id, name }) => ({ value: id, text: name }))
    .toSorted((a, b) => a.text.localeCompare(b.text))
