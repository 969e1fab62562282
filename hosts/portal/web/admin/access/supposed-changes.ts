/** A change to suppose, as POST /policies/simulate takes it. */
type SupposedChange =
  | { change: 'remove_policy' | 'remove_resource' | 'disable_actor'; id: string }
  | { change: 'add_membership' | 'remove_membership'; group_id: string; actor_id: string }

/** Kinds of changes that the form offers, and the fields that each needs. */
export const CHANGE_KINDS = [
  { kind: 'add_membership', text: 'a person joins a group', needs: ['person', 'group'] },
  { kind: 'remove_membership', text: 'a person leaves a group', needs: ['person', 'group'] },
  { kind: 'disable_actor', text: 'a person is disabled', needs: ['person'] },
  { kind: 'remove_policy', text: 'a policy is removed', needs: ['policy'] },
  { kind: 'remove_resource', text: 'a resource is removed', needs: ['resource'] },
] as const

/**
 * Writes the change that a form's fields say as one word, for an address: its kind, and its ids. Undefined where none is
 * chosen.
 */
export const changeWord = (field: (name: string) => string): { word: string } | { missing: string } | undefined => {
  const chosen = CHANGE_KINDS.find(({ kind }) => kind === field('kind'))
  if (chosen === undefined) return undefined
  const ids = chosen.needs.map((need) => field(need))
  if (ids.includes('')) return { missing: `Choose a ${chosen.needs.join(' and a ')}.` }
  return { word: [chosen.kind, ...ids].join('.') }
}

/** Reads a change from its word; undefined for anything else. */
export const changeOf = (word: string): SupposedChange | undefined => {
  const [kind, first = '', second = ''] = word.split('.')
  switch (kind) {
    case 'remove_policy':
    case 'remove_resource':
    case 'disable_actor':
      return { change: kind, id: first }
    case 'add_membership':
    case 'remove_membership':
      return { change: kind, group_id: second, actor_id: first }
    default:
      return undefined
  }
}

/** Says a change in words, with names instead of ids. */
export const changeText = (change: SupposedChange, nameOf: (id: string) => string): string => {
  switch (change.change) {
    case 'remove_policy':
      return `without the policy ${nameOf(change.id)}`
    case 'remove_resource':
      return `without the resource ${nameOf(change.id)}`
    case 'disable_actor':
      return `${nameOf(change.id)} disabled`
    case 'add_membership':
      return `${nameOf(change.actor_id)} in ${nameOf(change.group_id)}`
    case 'remove_membership':
      return `${nameOf(change.actor_id)} not in ${nameOf(change.group_id)}`
  }
}
