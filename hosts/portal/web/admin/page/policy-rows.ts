import type { Policy } from '../../../store/entities.ts'
import type { Visit } from './admin-parts.ts'
import { link, mark, text, type Cell } from './cell.ts'

/** Columns of a table of policies. */
export const POLICY_COLUMNS = [{ title: 'Policy' }, { title: 'Conditions' }, { title: 'Mode' }] as const

/** Returns policies as rows of a table, by their names. */
export const policyRows = async (
  { parts, caller, base }: Visit,
  policies: readonly Policy[],
): Promise<{ key: string; head: Cell; cells: readonly Cell[] }[]> => {
  const reader = parts.store.reader(caller.account.id)
  const groups = await reader.getAll(
    'groups',
    policies.map(({ groupId }) => groupId),
  )
  const resources = await reader.getAll(
    'resources',
    policies.map(({ resourceId }) => resourceId),
  )
  const rows = policies.map(({ id, groupId, resourceId, description, conditions, isDisabled, mode }) => ({
    key: id,
    head: link(
      `${groups.get(groupId)?.name ?? '?'} → ${resources.get(resourceId)?.name ?? '?'}`,
      `${base}/policies/${id}/edit`,
      description ?? undefined,
    ),
    cells: [text(conditions.map(({ condition }) => condition).join(', ') || 'always'), modeMark(isDisabled, mode)],
  }))
  return rows.toSorted((a, b) => BY_NAME.compare(a.head.text ?? '', b.head.text ?? ''))
}

const BY_NAME = new Intl.Collator()

/** Marks how a policy counts. */
export const modeMark = (isDisabled: boolean, mode: 'enforced' | 'shadow'): Cell =>
  isDisabled ? mark('off', 'disabled') : mode === 'shadow' ? mark('shadow', 'shadow') : mark('yes', 'enforced')
