import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { NamedActors } from './access-file-actors.ts'
import {
  ActorItem,
  GroupItem,
  PolicyItem,
  ProviderItem,
  ResourceItem,
  SECTIONS,
  SiteItem,
  type AccessFile,
  type Section,
  type WireRow,
} from './access-file-body.ts'
import type { AccessFileRows } from './access-file-rows.ts'
import type { Reader } from '../../store/store.ts'

type Item = Record<string, unknown>

const ITEMS: Readonly<Record<Section, z.ZodObject>> = {
  sites: SiteItem,
  resources: ResourceItem,
  actors: ActorItem,
  groups: GroupItem,
  providers: ProviderItem,
  policies: PolicyItem,
}

/**
 * Returns an account's configuration as an access file that changes nothing. Members that have their defaults are left
 * out, and so are secrets, which stay as they are where a file does not name them.
 */
export const exportedFile = async (
  rows: AccessFileRows,
  reader: Reader,
  sections: readonly Section[],
): Promise<AccessFile> => {
  const file: Partial<Record<Section, Item[]>> = {}
  for (const section of sections) {
    const present = [...(await rows.of(SECTIONS[section])).values()]
    const items: Item[] = []
    for (const row of present)
      items.push(concise(section, { ...row, ...(await joined(section, row, { rows, reader })) }))
    file[section] = items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }
  return file as AccessFile
}

/** Returns the members of an object in which names stand for ids. */
const joined = async (
  section: Section,
  row: WireRow,
  { rows, reader }: { rows: AccessFileRows; reader: Reader },
): Promise<Item> => {
  const nameOf = async (kind: 'sites' | 'groups' | 'resources', member: string): Promise<unknown> =>
    (await rows.of(kind)).get(String(row[member]))?.['name']
  switch (section) {
    case 'resources':
      return { site: await nameOf('sites', 'site_id') }
    case 'policies':
      return { group: await nameOf('groups', 'group_id'), resource: await nameOf('resources', 'resource_id') }
    case 'groups': {
      const actors = await rows.of('actors')
      const named = new NamedActors(actors.values())
      const members = await reader.list('memberships', { where: { groupId: row.id } })
      const texts = members.map(({ actorId }) => {
        const actor = actors.get(actorId)
        return actor === undefined ? actorId : named.nameOf(actor)
      })
      return { members: texts.toSorted() }
    }
    default:
      return {}
  }
}

/** Returns the members that an access file has, but for those with their defaults. */
const concise = (section: Section, row: Item): Item => {
  const { shape } = ITEMS[section]
  const members = Object.entries(shape).filter(([member, schema]) => {
    const preset = (schema as z.ZodType).safeParse(undefined)
    return row[member] !== undefined && !(preset.success && isDeepStrictEqual(preset.data, row[member]))
  })
  const ordered = members.map(([member]) => member).toSorted((a, b) => placeOf(a) - placeOf(b))
  return Object.fromEntries(ordered.map((member) => [member, row[member]]))
}

/** Members that people look for first. */
const FIRST = ['group', 'resource', 'name', 'email', 'type', 'address', 'site']

const placeOf = (member: string): number => (FIRST.includes(member) ? FIRST.indexOf(member) : FIRST.length)

const keyOf = (item: Item): string =>
  JSON.stringify([item['group'], item['resource'], item['mode'], item['email'], item['name']].map((each) => each ?? ''))
