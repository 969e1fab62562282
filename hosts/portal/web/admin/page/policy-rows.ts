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
  const rows = policies.map(async ({ id, groupId, resourceId, description, conditions, isDisabled, mode }) => {
    const [group, resource] = await Promise.all([reader.get('groups', groupId), reader.get('resources', resourceId)])
    return {
      key: id,
      head: link(
        `${group?.name ?? '?'} → ${resource?.name ?? '?'}`,
        `${base}/policies/${id}/edit`,
        description ?? undefined,
      ),
      cells: [text(conditions.map(({ condition }) => condition).join(', ') || 'always'), modeMark(isDisabled, mode)],
    }
  })
  return (await Promise.all(rows)).toSorted((a, b) => (a.head.text ?? '').localeCompare(b.head.text ?? ''))
}

/** Marks how a policy counts. */
export const modeMark = (isDisabled: boolean, mode: 'enforced' | 'shadow'): Cell =>
  isDisabled ? mark('off', 'disabled') : mode === 'shadow' ? mark('shadow', 'shadow') : mark('yes', 'enforced')
