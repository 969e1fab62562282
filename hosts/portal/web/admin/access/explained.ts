/** Something with a name. */
export interface Named {
  id: string
  name: string
}

/** Explanation as the API gives it, as far as the page shows it. */
export interface Explained {
  is_allowed: boolean
  denied: string | null
  until: string | null
  again: string | null
  actor: Named
  client: Named | null
  resource: Named
  site: Named | null
  groups: Named[]
  facts: { name: string; value: unknown; source: string; is_proven: boolean; since: string }[]
  unknown_facts: string[]
  policies: {
    id: string
    description: string | null
    group_id: string
    mode: 'enforced' | 'shadow'
    outcome: 'conforms' | 'fails' | 'disabled' | 'not_a_member'
    conditions: { condition: string; holds: boolean; reason: string; judged_by: string | null }[]
  }[]
  gateway: (Named & { reason: string }) | null
  text: string[]
}

/** Says the verdict in one sentence. */
export const sentenceOf = ({ actor, resource, is_allowed: isAllowed, again }: Explained): string => {
  if (isAllowed) return `${actor.name} may use ${resource.name} now.`
  if (again !== null) return `${actor.name} may not use ${resource.name} now, and may later.`
  return `${actor.name} may not use ${resource.name}.`
}

/** Says in one clause why, or for how long. */
export const reasonOf = ({ is_allowed: isAllowed, until, policies }: Explained): string => {
  if (isAllowed) return until === null ? 'until something changes' : `until ${until.slice(0, 16).replace('T', ' ')} UTC`
  const failing = policies
    .filter(({ mode, outcome }) => mode === 'enforced' && outcome === 'fails')
    .flatMap(({ conditions }) => conditions.filter(({ holds }) => !holds).map(({ reason }) => reason))
  return failing.length === 0 ? 'no policy that is enforced leads there' : failing.join('; ')
}
