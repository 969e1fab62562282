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
