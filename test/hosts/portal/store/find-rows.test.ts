import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { unixTime } from '../../../../core/runtime/time.ts'
import type { DatabaseConfig } from '../../../../hosts/portal/store/dialect.ts'
import type { Entities, EntityName } from '../../../../hosts/portal/store/entities.ts'
import { SORTED, sortsOf, type FindQuery, type Sort } from '../../../../hosts/portal/store/find-query.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { StoreError } from '../../../../hosts/portal/store/store-error.ts'
import type { AuditSubject, Reader } from '../../../../hosts/portal/store/store.ts'
import { ENTITY_NAMES } from '../../../../hosts/portal/store/tables.ts'
import { Postgres } from '../../../kit/postgres.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by: AuditSubject = { type: 'system', part: 'test' }

/** Names that have characters with a meaning in SQL, in patterns, in JSON, or several spellings of one letter. */
const NAMES = [
  'ada', 'Ada', 'ADA', 'Bob', 'zoe', 'Ärzte', 'ärzte', 'Zürich', 'STRASSE', 'Straße', 'ΟΔΟΣ', 'οδος', 'İstanbul',
  '100%', '100_', '%', '_', '!', '!%', '\\', "O'Hara", '"; DROP TABLE actors; --', '{"a":1}', '🚇', '𝔘nter', 'null', '0',
] // prettier-ignore

/** A text in the order of lists: A to Z in lower case, compared by code point. */
const sorted = (text: string): Buffer => Buffer.from(text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()))

const compare = (a: unknown, b: unknown): number =>
  typeof a === 'string' && typeof b === 'string' ? Buffer.compare(sorted(a), sorted(b)) : Number(a) - Number(b)

/** Sorts rows as a list does: rows without a value last, ties by id. */
const inOrder = <Name extends EntityName>(rows: readonly Entities[Name][], { column, isDescending }: Sort<Name>) => {
  const turn = isDescending ? -1 : 1
  return rows.toSorted((a, b) => {
    const [left, right] = [a[column as keyof Entities[Name]], b[column as keyof Entities[Name]]]
    if ((left === null) !== (right === null)) return left === null ? 1 : -1
    const order = left === null ? 0 : compare(left, right)
    return turn * (order === 0 ? (a.id < b.id ? -1 : 1) : order)
  })
}

/** Reads a list page by page, to its end and back; expects both ways to show the same pages. */
const throughAll = async <Name extends EntityName>(reader: Reader, name: Name, query: FindQuery<Name>) => {
  const pages: string[][] = []
  let page = await reader.find(name, query)
  for (;;) {
    expect(page.before).to.equal(pages.flat().length)
    pages.push(page.rows.map(({ id }) => id))
    if (page.next === null) break
    page = await reader.find(name, { ...query, cursor: page.next })
  }
  for (let at = pages.length - 2; at >= 0; at--) {
    expect(page.previous).to.be.a('string')
    page = await reader.find(name, { ...query, cursor: page.previous ?? '' })
    expect(page.rows.map(({ id }) => id)).to.deep.equal(pages[at])
  }
  return pages.flat()
}

for (const driver of ['sqlite', 'pg'] as const)
  describe(`lists of the store, on ${driver}`, () => {
    let folder: string
    let store: KnexStore
    let reader: Reader
    let foreign: Reader
    let actors: Entities['actors'][]
    let clients: Entities['clients'][]
    let rows: { group: Entities['groups']; policy: Entities['policies']; site: Entities['sites'] }
    const clock = new VirtualClock()

    before(async function () {
      this.timeout(300_000)
      folder = await mkdtemp(join(tmpdir(), 'store-'))
      const database: DatabaseConfig =
        driver === 'sqlite'
          ? { driver, file: join(folder, 'portal.sqlite') }
          : { ...(await (await Postgres.shared(this)).newDatabase()), driver, password: undefined, tls: undefined }
      store = await KnexStore.open({ database, clock, random: new SeededRandom(1), logger: new RecordingLogger() })
      const [account, other] = [
        await store.createAccount({ slug: 'example', name: 'Example' }, by),
        await store.createAccount({ slug: 'other', name: 'Other' }, by),
      ]
      reader = store.reader(account.id)
      foreign = store.reader(other.id)
      await store.transact({ accountId: account.id, by }, async (tx) => {
        actors = []
        clients = []
        for (const [index, name] of [...NAMES, ...NAMES].entries()) {
          const email = index % 3 === 0 ? `person${index}@example.org` : null
          actors.push(await tx.insert('actors', { type: 'user', name, email, isDisabled: index % 5 === 0 }))
        }
        const group = await tx.insert('groups', { name: 'Engineers' })
        const site = await tx.insert('sites', { name: 'Berlin', selector: 'random', selectorSettings: {} })
        const resource = await tx.insert('resources', {
          siteId: site.id,
          name: 'Wiki',
          type: 'dns',
          address: 'wiki.example.org',
          addressDescription: null,
          filters: [],
          ipStack: 'dual',
        })
        const policy = await tx.insert('policies', {
          groupId: group.id,
          resourceId: resource.id,
          description: null,
          isDisabled: false,
          mode: 'enforced',
          conditions: [{ condition: 'remote-ip', settings: { condition: 'time-window' } }],
        })
        for (const [index, actor] of actors.slice(0, 20).entries()) {
          if (index < 4) await tx.insert('memberships', { groupId: group.id, actorId: actor.id })
          const { ipv4, ipv6 } = await tx.allocateAddresses()
          const client = await tx.insert('clients', {
            actorId: actor.id,
            externalId: `external-${index}`,
            name: `Laptop ${index % 3}`,
            publicKey: 'A',
            pskBase: 'B',
            ipv4,
            ipv6,
            deviceKey: null,
            isProven: false,
            provenAt: null,
            verifiedAt: null,
            acceptsUnproven: false,
            lastSeenVersion: index % 4 === 0 ? null : `1.${index}.0`,
            lastSeenAt: index % 2 === 0 ? null : unixTime(1_000 * (index % 5)),
          })
          clients.push(client)
        }
        rows = { group, policy, site }
      })
    })
    after(async () => {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })

    it('a list in each of its orders shows each row once, forwards and backwards', async () => {
      for (const column of SORTED.actors)
        for (const isDescending of [false, true]) {
          const sort = { column, isDescending }
          const expected = inOrder<'actors'>(actors, sort).map(({ id }) => id)
          expect(await throughAll(reader, 'actors', { sort, limit: 20 }), column).to.deep.equal(expected)
        }
      for (const column of SORTED.clients)
        for (const isDescending of [false, true]) {
          const sort = { column, isDescending }
          const expected = inOrder<'clients'>(clients, sort).map(({ id }) => id)
          expect(await throughAll(reader, 'clients', { sort, limit: 7 }), column).to.deep.equal(expected)
        }
    })

    it('a list is sorted by the name of a row that its rows refer to', async () => {
      const names = new Map(actors.map(({ id, name }) => [id, name]))
      const named = clients.map((client) => ({ ...client, name: names.get(client.actorId) ?? '' }))
      for (const isDescending of [false, true]) {
        const expected = inOrder<'clients'>(named, { column: 'name', isDescending }).map(({ id }) => id)
        const sort = { column: 'actorName' as const, isDescending }
        expect(await throughAll(reader, 'clients', { sort, limit: 7 })).to.deep.equal(expected)
      }
    })

    it('a list of each table can be had in each of its orders', async () => {
      for (const name of ENTITY_NAMES)
        for (const column of sortsOf(name))
          await throughAll(reader, name, { sort: { column, isDescending: true } as Sort<typeof name>, limit: 100 })
    })

    it('a search finds the rows that contain a text literally, whatever the case of its letters', async () => {
      const fold = (text: string): string => text.toUpperCase().normalize('NFC')
      for (const search of [
        ...NAMES,
        'STRASSE',
        'straß',
        'ss',
        'ρ',
        'ç',
        'ARA',
        '%a',
        'person1',
        '@EXAMPLE',
        'nobody',
      ]) {
        const expected = actors.filter(({ name, email }) =>
          [name, email ?? ''].some((text) => fold(text).includes(fold(search))),
        )
        const found = await throughAll(reader, 'actors', { search, limit: 100 })
        expect(found, search).to.deep.equal(
          inOrder(expected, { column: 'createdAt', isDescending: false }).map(({ id }) => id),
        )
        expect(await reader.count('actors', { search }), search).to.deep.equal({
          total: expected.length,
          isExact: true,
        })
      }
    })

    it('a search finds a row by the name of a row that it refers to', async () => {
      const ids = async (search: string) =>
        (await reader.find('policies', { search, limit: 9 })).rows.map(({ id }) => id)
      expect(await ids('engin')).to.deep.equal([rows.policy.id])
      expect(await ids('WIKI.example')).to.deep.equal([rows.policy.id])
      expect(await ids('berlin')).to.deep.equal([])
    })

    it('a changed row is found by its new name and not by its old one', async () => {
      const [actor] = actors
      await store.transact({ accountId: actor?.accountId ?? '', by }, async (tx) => {
        const { id } = await tx.insert('groups', { name: 'Old name' })
        await tx.patch('groups', id, { name: 'Neuer Name' })
      })
      expect(await reader.count('groups', { search: 'old' })).to.deep.equal({ total: 0, isExact: true })
      expect(await reader.count('groups', { search: 'NEUER' })).to.deep.equal({ total: 1, isExact: true })
    })

    it('a list is filtered by values, times, relations, conditions and sets of ids', async () => {
      const ids = async <Name extends EntityName>(
        name: Name,
        tests: FindQuery<Name>['tests'],
      ): Promise<Set<string>> => {
        const found = await throughAll(reader, name, { tests, limit: 4 })
        expect(await reader.count(name, { tests })).to.deep.equal({ total: found.length, isExact: true })
        return new Set(found)
      }
      const idsOf = (all: readonly { id: string }[]): Set<string> => new Set(all.map(({ id }) => id))
      expect(await ids('actors', [{ column: 'isDisabled', in: [true] }])).to.deep.equal(
        idsOf(actors.filter(({ isDisabled }) => isDisabled)),
      )
      expect(await ids('actors', [{ column: 'email', in: [null, 'person3@example.org'] }])).to.deep.equal(
        idsOf(actors.filter(({ email }) => email === null || email === 'person3@example.org')),
      )
      expect(
        await ids('clients', [{ column: 'lastSeenAt', from: unixTime(1_000), before: unixTime(3_000) }]),
      ).to.deep.equal(
        idsOf(clients.filter(({ lastSeenAt }) => lastSeenAt !== null && lastSeenAt >= 1_000 && lastSeenAt < 3_000)),
      )
      expect(await ids('clients', [{ column: 'lastSeenAt', isNull: true }])).to.deep.equal(
        idsOf(clients.filter(({ lastSeenAt }) => lastSeenAt === null)),
      )
      expect(await ids('actors', [{ related: 'groupId', in: [rows.group.id] }])).to.deep.equal(
        idsOf(actors.slice(0, 4)),
      )
      expect(await ids('clients', [{ related: 'groupId', in: [rows.group.id] }])).to.deep.equal(
        idsOf(clients.slice(0, 4)),
      )
      expect(await ids('policies', [{ related: 'siteId', in: [rows.site.id] }])).to.deep.equal(idsOf([rows.policy]))
      expect(await ids('policies', [{ condition: ['remote-ip', 'none'] }])).to.deep.equal(idsOf([rows.policy]))
      expect(await ids('policies', [{ condition: ['time-window'] }])).to.deep.equal(new Set())
      const some = clients.slice(3, 12).map(({ id }) => id)
      expect(await ids('clients', [{ ids: some, isIn: true }])).to.deep.equal(new Set(some))
      expect(await ids('clients', [{ ids: some, isIn: false }])).to.deep.equal(
        idsOf(clients.filter(({ id }) => !some.includes(id))),
      )
    })

    it('rows and counts for a page are read in bulk, of the account alone', async () => {
      const [some, owners] = [clients.slice(0, 3), actors.slice(0, 30).map(({ id }) => id)]
      const read = await reader.getAll('clients', [...some.map(({ id }) => id), rows.group.id, some[0]?.id ?? ''])
      expect([...read.values()]).to.have.deep.members(some)
      expect(await reader.listBy('clients', 'actorId', owners)).to.have.deep.members(clients)
      const counts = await reader.countBy('clients', 'actorId', owners)
      expect([...counts]).to.have.deep.members(clients.map(({ actorId }) => [actorId, 1]))
      expect(await reader.getAll('clients', [])).to.deep.equal(new Map())
      expect(await foreign.getAll('actors', owners)).to.deep.equal(new Map())
      expect(await foreign.countBy('clients', 'actorId', owners)).to.deep.equal(new Map())
    })

    it('a list finds the rows that no other row of some values refers to', async () => {
      const count = async (where: Readonly<Record<string, boolean>>) =>
        (await reader.count('resources', { tests: [{ without: { name: 'policies', by: 'resourceId', where } }] })).total
      expect(await count({ isDisabled: false })).to.equal(0)
      expect(await count({ isDisabled: true })).to.equal(1)
    })

    it('records of the audit trail are counted by periods', async () => {
      const since = unixTime(clock.unix() - 3_500)
      const { accountId } = rows.group
      const filter = { kind: 'change', entity: 'clients' } as const
      const counted = await store.auditPerPeriod(accountId, filter, { since, length: 1_000 })
      expect([...counted]).to.deep.equal([[3, clients.length]])
      expect(await store.auditPerPeriod(accountId, { kind: 'decision' }, { since, length: 1_000 })).to.deep.equal(
        new Map(),
      )
    })

    it('a list of another account shows and counts none of these rows, whatever the cursor and the filter', async () => {
      const query = { sort: { column: 'name' as const, isDescending: false }, limit: 3 }
      const { next } = await reader.find('actors', query)
      expect((await foreign.find('actors', { ...query, cursor: next ?? '' })).rows).to.deep.equal([])
      expect((await foreign.find('policies', { search: 'wiki', limit: 9 })).rows).to.deep.equal([])
      for (const name of ENTITY_NAMES.filter((each) => each !== 'accounts'))
        expect(await foreign.count(name)).to.deep.equal({ total: 0, isExact: true })
      const tests = [{ related: 'groupId', in: [rows.group.id] }] as const
      expect(await foreign.count('actors', { tests })).to.deep.equal({ total: 0, isExact: true })
    })

    it('a cursor that is malformed, of another list, sort or filter is refused with words', async () => {
      const first = await reader.find('actors', { limit: 3 })
      const refused = async (query: Omit<FindQuery<'actors'>, 'limit'>): Promise<string> => {
        const error: unknown = await reader.find('actors', { ...query, limit: 3 }).catch((reason: unknown) => reason)
        expect(error).to.be.instanceOf(StoreError).with.property('code', 'CURSOR')
        return (error as StoreError).message
      }
      const cursor = first.next ?? ''
      const forged = (value: unknown): string => {
        const content = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[]
        return Buffer.from(JSON.stringify(content.with(2, value))).toString('base64url')
      }
      for (const text of [
        '',
        'nonsense',
        '1764460800000.018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0f',
        'A'.repeat(9_000),
        forged('x'),
        forged(true),
        forged({}),
        forged(1e300),
      ])
        expect(await refused({ cursor: text }), text.slice(0, 80)).to.match(/no cursor of this portal/)
      expect(await refused({ cursor, sort: { column: 'name', isDescending: false } })).to.match(/another sort/)
      expect(await refused({ cursor, sort: { column: 'createdAt', isDescending: true } })).to.match(/another sort/)
      expect(await refused({ cursor, search: 'ada' })).to.match(/another filter/)
      const { next } = await reader.find('actors', { sort: { column: 'name', isDescending: false }, limit: 3 })
      const named = JSON.parse(Buffer.from(next ?? '', 'base64url').toString()) as unknown[]
      const nul = Buffer.from(JSON.stringify(named.with(2, 'a\0b'))).toString('base64url')
      expect(await refused({ cursor: nul, sort: { column: 'name', isDescending: false } })).to.match(/no cursor/)
    })
  })
