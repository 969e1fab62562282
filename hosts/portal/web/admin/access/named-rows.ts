import type { Permission } from '../../../identity/permissions.ts'
import type { Visit } from '../page/admin-parts.ts'
import type { NodeKind } from './access-graph.ts'

/** Something that was found by its name. */
export interface NamedHit {
  kind: NodeKind | 'device'
  id: string
  name: string
  detail: string
  /** Path of its page below the account's `/admin`. */
  path: string
}

const KINDS = [
  { kind: 'person', entity: 'actors', needs: 'actors:read', pages: '/people' },
  { kind: 'group', entity: 'groups', needs: 'groups:read', pages: '/groups' },
  { kind: 'device', entity: 'clients', needs: 'clients:read', pages: '/devices' },
  { kind: 'resource', entity: 'resources', needs: 'resources:read', pages: '/resources' },
  { kind: 'site', entity: 'sites', needs: 'sites:read', pages: '/sites' },
] as const satisfies readonly { needs: Permission; [key: string]: string }[]

/** Finds at most `limit` things of each kind that the visitor may read, by a part of the name or address. */
export const namedRows = async (visit: Visit, search: string, limit: number): Promise<NamedHit[]> => {
  const reader = visit.parts.store.reader(visit.caller.account.id)
  const found = await Promise.all(
    KINDS.filter(({ needs }) => visit.may(needs)).map(async ({ kind, entity, pages }) =>
      (await reader.find(entity, { search, limit })).rows.map((row): NamedHit => {
        const detail = 'email' in row ? row.email : 'address' in row ? row.address : 'ipv4' in row ? row.ipv4 : null
        return { kind, id: row.id, name: row.name, detail: detail ?? '', path: `${pages}/${row.id}` }
      }),
    ),
  )
  const wanted = search.trim().toLowerCase()
  const exact = ({ name, detail }: NamedHit) => name.toLowerCase() === wanted || detail.toLowerCase() === wanted
  return found.flat().toSorted((a, b) => Number(exact(b)) - Number(exact(a)))
}
