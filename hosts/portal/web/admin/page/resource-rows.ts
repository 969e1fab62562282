import type { Resource } from '../../../store/entities.ts'
import type { Visit } from './admin-parts.ts'
import { link, text, type Cell } from './cell.ts'

/** Columns of a table of resources. */
export const RESOURCE_COLUMNS = [
  { title: 'Resource' },
  { title: 'Address' },
  { title: 'Lets pass' },
  { title: 'Policies', isNumeric: true },
] as const

/** Returns resources as rows of a table, by their names. */
export const resourceRows = async (
  { parts, caller, base }: Visit,
  resources: readonly Resource[],
): Promise<{ key: string; head: Cell; cells: readonly Cell[] }[]> => {
  const ids = resources.map(({ id }) => id)
  const policies = await parts.store.reader(caller.account.id).countBy('policies', 'resourceId', ids)
  return resources
    .toSorted((a, b) => BY_NAME.compare(a.name, b.name))
    .map(({ id, name, address, filters }) => ({
      key: id,
      head: link(name, `${base}/resources/${id}`),
      cells: [
        { text: address ?? 'the Internet', isCode: address !== null },
        text(filtersText(filters)),
        text(policies.get(id) ?? 0),
      ],
    }))
}

const BY_NAME = new Intl.Collator()

/** Says in words what a resource's filters let pass. */
export const filtersText = (filters: readonly { protocol: string; ports: readonly string[] }[]): string =>
  filters.length === 0
    ? 'everything'
    : filters
        .map(({ protocol, ports }) => `${protocol.toUpperCase()}${ports.length === 0 ? '' : ` ${ports.join(', ')}`}`)
        .join('; ')
