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
  const reader = parts.store.reader(caller.account.id)
  return Promise.all(
    resources
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .map(async ({ id, name, address, filters }) => ({
        key: id,
        head: link(name, `${base}/resources/${id}`),
        cells: [
          { text: address ?? 'the Internet', isCode: address !== null },
          text(filtersText(filters)),
          text((await reader.list('policies', { where: { resourceId: id } })).length),
        ],
      })),
  )
}

/** Says in words what a resource's filters let pass. */
export const filtersText = (filters: readonly { protocol: string; ports: readonly string[] }[]): string =>
  filters.length === 0
    ? 'everything'
    : filters
        .map(({ protocol, ports }) => `${protocol.toUpperCase()}${ports.length === 0 ? '' : ` ${ports.join(', ')}`}`)
        .join('; ')
