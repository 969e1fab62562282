import { changeAll, deleteAll } from '../bulk/bulk-acts.ts'
import type { Selection } from '../bulk/selection.ts'
import type { FormDefinition } from '../form/form-definition.ts'
import type { PolicyRow } from '../page/api-rows.ts'
import { policies } from './policies.ts'

// A policy has no name: the list says which, the question how many.
const name = ({ description, created_at: at }: PolicyRow): string => description ?? `the policy of ${at.slice(0, 10)}`

const change = (
  path: string,
  verb: string,
  body: Readonly<Record<string, unknown>>,
): FormDefinition<Selection<PolicyRow>> => changeAll({ list: policies, path: `/policies/${path}`, name, verb, body })

export const enablePolicies = change('enable', 'Enable', { is_disabled: false })
export const disablePolicies = change('disable', 'Disable', { is_disabled: true })
export const enforcePolicies = change('enforce', 'Enforce', { mode: 'enforced' })
export const shadowPolicies = change('shadow', 'Put into shadow mode', { mode: 'shadow' })

/** Deletes the selected policies. */
export const deletePolicies: FormDefinition<Selection<PolicyRow>> = deleteAll({
  list: policies,
  path: '/policies/delete',
  name,
  verb: 'Delete',
})
