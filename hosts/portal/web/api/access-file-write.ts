// Writes an access file: each of its objects by the API's own operation that creates or changes it.
import { isDeepStrictEqual } from 'node:util'
import type { AccessFileRow } from '../../store/access-file-rows.ts'
import type { Transaction } from '../../store/store.ts'
import { NamedActors } from './access-file-actors.ts'
import { SECTIONS, type AccessFile, type Section, type SectionKind, type WireRow } from './access-file-body.ts'
import type { AccessFileRows } from './access-file-rows.ts'

type Body = Readonly<Record<string, unknown>>

/** Members of a membership change at a time, which the API bounds. */
const MEMBERS_AT_ONCE = 1_000

/**
 * Writes the objects of an access file in one transaction, and removes with `isPruning` those that an earlier file named
 * and this one does not.
 * @throws Problem with everything that was refused; then nothing may be kept
 */
export const writeAccessFile = async (
  rows: AccessFileRows,
  tx: Transaction,
  { file, isPruning }: { file: AccessFile; isPruning: boolean },
): Promise<void> => {
  const named = new Set<string>()
  const writer = new Writer(rows, named)
  await writer.sites(file)
  await writer.resources(file)
  await writer.actors(file)
  await writer.groups(file, tx)
  await writer.providers(file)
  await writer.policies(file)
  rows.check()
  const before = await tx.accessFileRows()
  if (isPruning) await prune(rows, { file, before, named })
  rows.check()
  await tx.noteAccessFileRows(await notedRows(tx, before, named))
}

/** Removes what an earlier file named and this one does not, in those sections that it has. */
const prune = async (
  rows: AccessFileRows,
  { file, before, named }: { file: AccessFile; before: readonly AccessFileRow[]; named: ReadonlySet<string> },
): Promise<void> => {
  const sections = (Object.keys(SECTIONS) as Section[]).filter((section) => file[section] !== undefined).toReversed()
  for (const section of sections) {
    const kind = SECTIONS[section]
    const present = await rows.of(kind)
    for (const { entity, id } of before) {
      const row = entity === kind && !named.has(keyOf(kind, id)) ? present.get(id) : undefined
      if (row === undefined) continue
      const { name } = row
      await rows.call(`${section} (prune ${typeof name === 'string' ? name : id})`, {
        method: 'DELETE',
        path: `/${kind}/${id}`,
      })
    }
  }
}

/** Returns the rows that files have named so far and that are there. */
const notedRows = async (
  tx: Transaction,
  before: readonly AccessFileRow[],
  named: ReadonlySet<string>,
): Promise<AccessFileRow[]> => {
  const kept: AccessFileRow[] = []
  for (const row of before) {
    if (!named.has(keyOf(row.entity, row.id)) && (await tx.get(row.entity, row.id)) !== undefined) kept.push(row)
  }
  const added = [...named].map((key): AccessFileRow => {
    const [entity = '', id = ''] = key.split(' ')
    return { entity: entity as SectionKind, id }
  })
  return [...kept, ...added]
}

const keyOf = (entity: string, id: string): string => `${entity} ${id}`

class Writer {
  readonly #rows: AccessFileRows
  /** Kinds and ids of the rows that the file names. */
  readonly #named: Set<string>

  constructor(rows: AccessFileRows, named: Set<string>) {
    this.#rows = rows
    this.#named = named
  }

  async sites({ sites = [] }: AccessFile): Promise<void> {
    await this.#byName('sites', sites, async (item) => Promise.resolve(item))
  }

  async resources({ resources = [] }: AccessFile): Promise<void> {
    await this.#byName('resources', resources, async ({ site, ...body }, at) => {
      const siteId = await this.#idOf('sites', site, `${at}.site`)
      return siteId === undefined ? undefined : { ...body, site_id: siteId }
    })
  }

  async providers({ providers = [] }: AccessFile): Promise<void> {
    await this.#byName('providers', providers, async (item) => Promise.resolve(item))
  }

  /** Writes actors: a person's key is her e-mail address, that of anybody else the name. */
  async actors({ actors }: AccessFile): Promise<void> {
    if (actors === undefined) return
    const seen = new Map<string, number>()
    for (const [index, item] of actors.entries()) {
      const at = `actors[${index}]`
      if (!this.#isFirst(seen, item.email ?? ` ${item.name}`, { at, index, section: 'actors' })) continue
      const present = [...(await this.#rows.of('actors')).values()]
      const fitting = present.filter((row) =>
        item.email === null ? row['email'] === null && row['name'] === item.name : row['email'] === item.email,
      )
      if (fitting.length > 1) this.#rows.refuse(at, `several actors without an e-mail address are called ${item.name}`)
      else await this.#put('actors', at, { before: fitting[0], body: item })
    }
  }

  async groups({ groups }: AccessFile, tx: Transaction): Promise<void> {
    const items = groups ?? []
    let actors: NamedActors | undefined
    await this.#byName('groups', items, async ({ name }) => Promise.resolve({ name }))
    for (const [index, { name, members }] of items.entries()) {
      if (members === undefined) continue
      const groupId = idOfName(await this.#rows.of('groups'), name)
      const wanted = new Set<string>()
      actors ??= new NamedActors((await this.#rows.of('actors')).values())
      for (const [place, text] of members.entries()) {
        const found = actors.find(text)
        if ('id' in found) wanted.add(found.id)
        else this.#rows.refuse(`groups[${index}].members[${place}]`, found.problem)
      }
      if (groupId === undefined || this.#rows.isRefused) continue
      const present = new Set((await tx.list('memberships', { where: { groupId } })).map(({ actorId }) => actorId))
      const remove = [...present].filter((id) => !wanted.has(id))
      const add = [...wanted].filter((id) => !present.has(id))
      for (let from = 0; from < Math.max(add.length, remove.length); from += MEMBERS_AT_ONCE) {
        const body = {
          add: add.slice(from, from + MEMBERS_AT_ONCE),
          remove: remove.slice(from, from + MEMBERS_AT_ONCE),
        }
        await this.#rows.call(`groups[${index}].members`, {
          method: 'PATCH',
          path: `/groups/${groupId}/memberships`,
          body,
        })
      }
    }
  }

  /** Writes policies: the key of one is its group, its resource and its mode; one of the same pair gets another mode. */
  async policies({ policies }: AccessFile): Promise<void> {
    const seen = new Map<string, number>()
    const wanted = new Map<string, { at: string; body: Body }[]>()
    for (const [index, { group, resource, ...body }] of (policies ?? []).entries()) {
      const at = `policies[${index}]`
      const key = JSON.stringify([group, resource, body.mode])
      if (!this.#isFirst(seen, key, { at, index, section: 'policies' })) continue
      const groupId = await this.#idOf('groups', group, `${at}.group`)
      const resourceId = await this.#idOf('resources', resource, `${at}.resource`)
      if (groupId === undefined || resourceId === undefined) continue
      const pair = keyOf(groupId, resourceId)
      const item = { at, body: { ...body, group_id: groupId, resource_id: resourceId } }
      wanted.set(pair, [...(wanted.get(pair) ?? []), item])
    }
    if (wanted.size === 0) return
    const present = new Map<string, WireRow[]>()
    for (const row of (await this.#rows.of('policies')).values()) {
      const pair = keyOf(String(row['group_id']), String(row['resource_id']))
      present.set(pair, [...(present.get(pair) ?? []), row])
    }
    for (const [pair, items] of wanted) {
      const free = [...(present.get(pair) ?? [])]
      const take = (fits: (row: WireRow) => boolean): WireRow | undefined => {
        const at = free.findIndex(fits)
        return at < 0 ? undefined : free.splice(at, 1)[0]
      }
      const exact = items.map(({ body }) => take((row) => row['mode'] === body['mode']))
      for (const [place, { at, body }] of items.entries()) {
        await this.#put('policies', at, { before: exact[place] ?? take(() => true), body })
      }
    }
  }

  /** Writes the objects of a section whose key is their name. */
  async #byName<Item extends { name: string }>(
    section: Section,
    items: readonly Item[],
    bodyOf: (item: Item, at: string) => Promise<Body | undefined>,
  ): Promise<void> {
    const kind = SECTIONS[section]
    const seen = new Map<string, number>()
    for (const [index, item] of items.entries()) {
      const at = `${section}[${index}]`
      if (!this.#isFirst(seen, item.name, { at, index, section })) continue
      const body = await bodyOf(item, at)
      if (body === undefined) continue
      const present = await this.#rows.of(kind)
      const id = idOfName(present, item.name)
      await this.#put(kind, at, { before: id === undefined ? undefined : present.get(id), body })
    }
  }

  /** Creates a row, or changes it to what the file says. */
  async #put(
    kind: SectionKind,
    at: string,
    { before, body }: { before: WireRow | undefined; body: Body },
  ): Promise<void> {
    const row =
      before === undefined
        ? await this.#rows.call(at, { method: 'POST', path: `/${kind}`, body })
        : await this.#change(kind, at, { before, body })
    if (row !== undefined) this.#named.add(keyOf(kind, row.id))
  }

  async #change(
    kind: SectionKind,
    at: string,
    { before, body }: { before: WireRow; body: Body },
  ): Promise<WireRow | undefined> {
    const { type, ...others } = body
    const isProvider = kind === 'identity_providers'
    if (isProvider && type !== before['type']) {
      return this.#rows.refuse(
        `${at}.type`,
        `is ${String(before['type'])}, which cannot change: give the new one another name`,
      )
    }
    const patch = isProvider ? others : body
    const isSame = Object.entries(patch).every(
      ([member, value]) => value === undefined || isDeepStrictEqual(value, before[member]),
    )
    if (isSame) return before
    return this.#rows.call(at, { method: 'PATCH', path: `/${kind}/${before.id}`, body: patch })
  }

  async #idOf(kind: 'sites' | 'groups' | 'resources', name: string, at: string): Promise<string | undefined> {
    const id = idOfName(await this.#rows.of(kind), name)
    return id ?? this.#rows.refuse(at, `there is no ${kind.slice(0, -1)} ${name}`)
  }

  #isFirst(
    seen: Map<string, number>,
    key: string,
    { at, index, section }: { at: string; index: number; section: Section },
  ): boolean {
    const first = seen.get(key)
    seen.set(key, first ?? index)
    if (first === undefined) return true
    this.#rows.refuse(at, `is the same as ${section}[${first}]`)
    return false
  }
}

const idOfName = (rows: ReadonlyMap<string, WireRow>, name: string): string | undefined => {
  for (const [id, row] of rows) if (row['name'] === name) return id
  return undefined
}
