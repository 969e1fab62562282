import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, before, beforeEach, describe, it } from 'mocha'
import { HOUR, unixTime } from '../../../../core/runtime/time.ts'
import type { Account, Change } from '../../../../hosts/portal/store/entities.ts'
import type { DatabaseConfig } from '../../../../hosts/portal/store/dialect.ts'
import { openDialect } from '../../../../hosts/portal/store/open-dialect.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { StoreError } from '../../../../hosts/portal/store/store-error.ts'
import type { AuditSubject, Transaction } from '../../../../hosts/portal/store/store.ts'
import { Postgres } from '../../../kit/postgres.ts'
import { SQLITE_LIBRARIES } from '../../../kit/sqlite-libraries.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by: AuditSubject = { type: 'system', part: 'test' }

for (const driver of [...SQLITE_LIBRARIES, 'pg'] as const)
  describe(`the store on ${driver === 'pg' ? driver : `SQLite, of ${driver}`}`, () => {
    let postgres: Postgres | undefined
    let folder: string
    let database: DatabaseConfig
    let store: KnexStore
    let account: Account
    let other: Account

    before(async function () {
      this.timeout(300_000)
      if (driver === 'pg') postgres = await Postgres.shared(this)
    })

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'store-'))
      database =
        postgres === undefined
          ? { driver: 'sqlite', library: driver === 'pg' ? 'package' : driver, file: join(folder, 'portal.sqlite') }
          : { ...(await postgres.newDatabase()), driver: 'pg', password: undefined, tls: undefined }
      store = await open()
      account = await store.createAccount({ slug: 'example', name: 'Example' }, by)
      other = await store.createAccount({ slug: 'other', name: 'Other' }, by)
    })
    afterEach(async () => {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })

    const open = async (seed = 1, clock = new VirtualClock()): Promise<KnexStore> =>
      KnexStore.open({
        database,
        clock,
        random: new SeededRandom(seed),
        logger: new RecordingLogger(),
      })

    /** Calls back with all changes that are committed after this call. */
    const hear = (of: KnexStore, changed: (changes: readonly Change[]) => void): (() => void) =>
      of.subscribe({ changed, reloaded: () => expect.fail('nothing was missed') })

    const write = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> =>
      store.transact({ accountId: account.id, by }, work)

    const grown = async (tx: Transaction) => {
      const site = await tx.insert('sites', { name: 'Main', selector: 'random', selectorSettings: {} })
      const group = await tx.insert('groups', { name: 'Staff' })
      const actor = await tx.insert('actors', {
        type: 'user',
        name: 'Ada',
        email: 'ada@example.org',
        isDisabled: false,
      })
      const membership = await tx.insert('memberships', { groupId: group.id, actorId: actor.id })
      const resource = await tx.insert('resources', {
        siteId: site.id,
        name: 'Wiki',
        type: 'dns',
        address: 'wiki.example.org',
        addressDescription: null,
        filters: [{ protocol: 'tcp', ports: ['443'] }],
        ipStack: 'dual',
      })
      const policy = await tx.insert('policies', {
        groupId: group.id,
        resourceId: resource.id,
        description: null,
        conditions: [],
        isDisabled: false,
        mode: 'enforced',
      })
      return { site, group, actor, membership, resource, policy }
    }

    it('a row notes when somebody changed it last, and not what changes by itself', async () => {
      const clock = new VirtualClock()
      const own = await open(2, clock)
      try {
        const change = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
          clock.advance(HOUR)
          return own.transact({ accountId: account.id, by }, work)
        }
        const { site } = await change(grown)
        const gateway = await change(async (tx) =>
          tx.insert('gateways', {
            siteId: site.id,
            externalId: 'berlin',
            name: 'berlin',
            publicKey: 'A'.repeat(44),
            pskBase: 'B'.repeat(44),
            ...(await tx.allocateAddresses()),
            isEphemeral: false,
            presentAt: null,
            lastSeenAt: null,
            lastSeenVersion: null,
          }),
        )
        expect(gateway.updatedAt).to.equal(gateway.createdAt)
        const seen = await change((tx) => tx.patch('gateways', gateway.id, { lastSeenAt: clock.unix() }))
        expect(seen?.updatedAt).to.equal(gateway.createdAt)
        await change((tx) => tx.patch('gateways', gateway.id, { name: gateway.name }))
        const renamed = await change((tx) => tx.patch('gateways', gateway.id, { name: 'Other' }))
        expect(renamed?.updatedAt).to.equal(clock.unix())
        expect((await own.reader(account.id).get('gateways', gateway.id))?.updatedAt).to.equal(clock.unix())
        const [record] = await own.auditLog(account.id, { limit: 1 })
        expect(record?.details).to.deep.equal({ before: { name: gateway.name }, after: { name: 'Other' } })
      } finally {
        await own.close()
      }
    })

    it('rehearses a transaction: its result and changes as they would be, and nothing kept, audited or told', async () => {
      const { group, policy } = await write(grown)
      const told: Change[] = []
      const unsubscribe = hear(store, (changes) => told.push(...changes))
      const before = await store.auditLog(account.id, { limit: 100 })
      let changes: readonly Change[] = []
      const scope = { accountId: account.id, by, rehearsal: (made: readonly Change[]) => (changes = made) }
      const result = await store.transact(scope, async (tx) => {
        await tx.insert('groups', { name: 'Guests' })
        await tx.remove('groups', group.id)
        return (await tx.list('groups')).map(({ name }) => name)
      })
      expect(result).to.deep.equal(['Guests'])
      expect(changes.map(({ entity }) => entity)).to.include.members(['groups', 'memberships', 'policies'])
      expect(await store.reader(account.id).get('policies', policy.id)).to.include({ groupId: group.id })
      expect((await store.reader(account.id).list('groups')).map(({ name }) => name)).to.deep.equal(['Staff'])
      expect(await store.auditLog(account.id, { limit: 100 })).to.deep.equal(before)
      const refused = store.transact(scope, async (tx) => tx.insert('groups', { name: 'Staff' }))
      expect(await refused.catch((error: unknown) => error)).to.include({ code: 'CONFLICT' })
      await write(async (tx) => tx.insert('groups', { name: 'Later' }))
      expect(told.map(({ after }) => (after as { name?: string } | undefined)?.name)).to.deep.equal(['Later'])
      unsubscribe()
    })

    it('the store returns rows as they were written, in and after the transaction', async () => {
      const { resource, actor } = await write(grown)
      expect(await store.reader(account.id).get('resources', resource.id)).to.deep.equal(resource)
      expect((await store.load()).actors).to.deep.equal([actor])
    })

    it('the store writes nothing and tells nobody where a transaction fails', async () => {
      const told: Change[] = []
      hear(store, (changes) => told.push(...changes))
      const failure = await write(async (tx) => {
        await grown(tx)
        throw new Error('no')
      }).catch((error: unknown) => error)
      expect(String(failure)).to.equal('Error: no')
      expect((await store.load()).sites).to.deep.equal([])
      expect(told).to.deep.equal([])
    })

    it('the store tells committed changes in order, also those of rows that went with another', async () => {
      const { group, membership, policy } = await write(grown)
      const told: Change[] = []
      hear(store, (changes) => told.push(...changes))
      await write((tx) => tx.remove('groups', group.id))
      expect(told.map(({ entity, id, after }) => ({ entity, id, after }))).to.deep.equal([
        { entity: 'memberships', id: membership.id, after: undefined },
        { entity: 'policies', id: policy.id, after: undefined },
        { entity: 'groups', id: group.id, after: undefined },
      ])
    })

    it('the store keeps accounts apart: a foreign row can neither be read, nor changed, nor removed, nor named', async () => {
      const { site, group } = await write(grown)
      const scope = { accountId: other.id, by }
      expect(await store.reader(other.id).get('sites', site.id)).to.equal(undefined)
      expect(await store.reader(other.id).list('sites')).to.deep.equal([])
      expect(await store.transact(scope, (tx) => tx.patch('sites', site.id, { name: 'Mine' }))).to.equal(undefined)
      expect(await store.transact(scope, (tx) => tx.remove('sites', site.id))).to.equal(undefined)
      expect(await store.reader(other.id).get('accounts', account.id)).to.equal(undefined)
      const failure = await store
        .transact(scope, async (tx) => {
          const actor = await tx.insert('actors', { type: 'user', name: 'Eve', email: null, isDisabled: false })
          await tx.insert('memberships', { groupId: group.id, actorId: actor.id })
        })
        .catch((error: unknown) => error)
      expect(failure).to.be.instanceOf(StoreError).with.property('code', 'REFERENCE')
      expect(failure).to.have.property('columns').that.deep.equals(['groupId'])
    })

    it('the store refuses a second row of one name, naming the column', async () => {
      await write(grown)
      const failure = await write((tx) => tx.insert('groups', { name: 'Staff' })).catch((error: unknown) => error)
      expect(failure).to.be.instanceOf(StoreError).with.property('code', 'CONFLICT')
      expect(failure).to.have.property('columns').that.deep.equals(['name'])
    })

    it('the store has every change in the audit trail, without secrets', async () => {
      const { site } = await write(grown)
      await write(async (tx) => {
        await tx.insert('identity_providers', {
          name: 'OIDC',
          type: 'oidc',
          settings: { client_secret: 'hush-hush' },
          isDefault: false,
          isDisabled: false,
          clientTokenLifetimeSeconds: 3600,
          sessionLifetimeSeconds: 3600,
          emailDomains: ['*'],
        })
        await tx.insert('gateways', {
          siteId: site.id,
          externalId: 'g',
          name: 'g',
          publicKey: 'k',
          pskBase: 'hush-hush',
          ...(await tx.allocateAddresses()),
          isEphemeral: false,
          presentAt: null,
          lastSeenAt: null,
          lastSeenVersion: null,
        })
      })
      await write((tx) => tx.patch('sites', site.id, { name: 'Renamed' }))
      const trail = await store.auditLog(account.id, { limit: 100 })
      expect(trail.map(({ action, entity }) => `${entity} ${action}`)).to.include.members([
        'accounts created',
        'policies created',
        'identity_providers created',
        'gateways created',
        'sites updated',
      ])
      expect(trail.find(({ action }) => action === 'updated')?.details).to.deep.equal({
        before: { name: 'Main' },
        after: { name: 'Renamed' },
      })
      expect(JSON.stringify(trail)).not.to.contain('hush-hush')
      expect(await store.auditLog(other.id, { limit: 100 })).to.have.length(1)
    })

    it('the store hands out addresses of the tunnel ranges, none of them twice', async () => {
      const given = await write(async (tx) => [await tx.allocateAddresses(), await tx.allocateAddresses()])
      expect(given).to.deep.equal([
        { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' },
        { ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' },
      ])
    })

    it('M6 the store gives devices the same place in other address ranges, also overlapping ones, and says for how many there is no room', async () => {
      const { site } = await write(grown)
      const gateway = (tx: Transaction, externalId: string, addresses: { ipv4: string; ipv6: string }) =>
        tx.insert('gateways', {
          siteId: site.id,
          externalId,
          name: externalId,
          publicKey: externalId,
          pskBase: 'hush-hush',
          ...addresses,
          isEphemeral: false,
          presentAt: null,
          lastSeenAt: null,
          lastSeenVersion: null,
        })
      await write(async (tx) => {
        for (const name of ['a', 'b']) await gateway(tx, name, await tx.allocateAddresses())
        await gateway(tx, 'far', { ipv4: '100.64.16.1', ipv6: 'fd00:2021:1111::1001' })
      })
      const addresses = () => write(async (tx) => (await tx.list('gateways')).map(({ ipv4, ipv6 }) => [ipv4, ipv6]))
      const before = await addresses()
      const ranges = {
        devices_ipv4: '10.0.0.0/19',
        devices_ipv6: 'fd12::/64',
        mapped_ipv4: '100.96.0.0/11',
        mapped_ipv6: 'fd00:2021:1111:8000::/64',
      }
      const move = (changed: Partial<typeof ranges>) => write((tx) => tx.moveAddresses({ ...ranges, ...changed }))
      expect(await move({ devices_ipv4: '10.0.0.0/20' }), 'a range that is too small').to.equal(1)
      expect(await addresses()).to.deep.equal(before)
      expect(await move({})).to.equal(0)
      expect(await addresses()).to.deep.include.members([
        ['10.0.0.1', 'fd12::1'],
        ['10.0.16.1', 'fd12::1001'],
      ])
      expect(await write((tx) => tx.allocateAddresses())).to.deep.equal({ ipv4: '10.0.0.3', ipv6: 'fd12::3' })
      // 10.0.32.0/19, then back, within 10.0.0.0/18.
      for (const devices_ipv4 of ['10.0.32.0/19', '10.0.0.0/18', '10.0.32.0/19'])
        expect(await move({ devices_ipv4 })).to.equal(0)
      expect(await addresses()).to.deep.include(['10.0.48.1', 'fd12::1001'])
      expect(await write((tx) => tx.moveAddresses(null))).to.equal(0)
      expect(await addresses()).to.deep.equal(before)
    })

    it("the store tells another process's changes with its own next write, first and once", async () => {
      const [mine, other] = [await open(2), await open(3)]
      const told: Change[][] = []
      hear(mine, (changes) => told.push([...changes]))
      const foreign = await other.createAccount({ slug: 'foreign', name: 'Foreign' }, by)
      const own = await mine.createAccount({ slug: 'own', name: 'Own' }, by)
      await mine.transact({ accountId: own.id, by }, (tx) => tx.patch('accounts', own.id, { name: 'Renamed' }))
      expect(told.map((changes) => changes.map(({ id }) => id))).to.deep.equal([[foreign.id], [own.id], [own.id]])
      expect(told[0]?.[0]?.after).to.deep.equal(foreign)
      await mine.close()
      await other.close()
    })

    it('the store hears of another process without a write of its own', async function () {
      if (driver !== 'pg') this.skip() // SQLite serves one process; beside it there is the command line only
      const other = await open(2)
      const told = new Promise<readonly Change[]>((resolve) => hear(store, resolve))
      const foreign = await other.createAccount({ slug: 'foreign', name: 'Foreign' }, by)
      expect(await told).to.deep.equal([{ entity: 'accounts', accountId: foreign.id, id: foreign.id, after: foreign }])
      await other.close()
    })

    it('the store tells each of several writing processes every change, in the order of the commits', async () => {
      const others = driver === 'pg' ? [await open(2), await open(3)] : []
      const stores = [store, ...others]
      const names = stores.map((): string[] => [])
      stores.forEach((one, index) =>
        hear(one, (changes) => {
          for (const { entity, after: row } of changes) if (entity === 'groups') names[index]?.push(row?.name ?? '')
        }),
      )
      const scope = { accountId: account.id, by }
      await Promise.all(
        stores.flatMap((one, index) =>
          Array.from({ length: 20 }, (_, turn) =>
            one.transact(scope, (tx) => tx.insert('groups', { name: `${index}.${turn}` })),
          ),
        ),
      )
      // Each process makes one more change, so that it has caught up with all earlier ones.
      for (const [index, one] of stores.entries())
        await one.transact(scope, (tx) => tx.insert('groups', { name: `last ${index}` }))
      for (const one of stores)
        await one.transact(scope, (tx) => tx.patch('accounts', account.id, { name: `${Math.random()}` }))
      const written = (await store.reader(account.id).list('groups')).map(({ name }) => name).sort()
      for (const heard of names) expect([...heard].sort()).to.deep.equal(written)
      for (const heard of names) expect(heard).to.deep.equal(names[0])
      for (const one of others) await one.close()
    })

    for (const isEmptied of [false, true]) {
      const how = isEmptied ? 'though the outbox was emptied' : 'by the newest entry, which stays'
      it(`P6 the store tells the changes that it missed in more than a day, ${how}`, async () => {
        const clock = new VirtualClock()
        const other = await open(2, clock)
        await other.transact({ accountId: account.id, by }, async () => {}) // it has caught up
        // PostgreSQL would notify at once. The process' own clock stands still, so it does not reconnect by itself.
        await postgres?.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        if (driver === 'pg')
          while (store.listenFailure() === undefined) await new Promise((resolve) => setImmediate(resolve))
        const heard: string[] = []
        store.subscribe({
          changed: (changes) => heard.push(...changes.map(({ entity }) => entity)),
          reloaded: ({ accounts }) => heard.push(...accounts.map(({ name }) => name)),
        })
        await other.transact({ accountId: account.id, by }, (tx) => tx.patch('accounts', account.id, { name: 'New' }))
        clock.advance(25 * HOUR)
        await other.transact({ accountId: account.id, by }, async () => {})
        await other.close()
        if (isEmptied) {
          const { knex, close } = openDialect(database, {
            clock,
            random: new SeededRandom(9),
            logger: new RecordingLogger(),
          })
          await knex('outbox').delete()
          await close()
        }
        await store.transact({ accountId: account.id, by }, async () => {})
        expect(heard).to.have.members(isEmptied ? ['New', 'Other'] : ['accounts'])
        await store.transact({ accountId: account.id, by }, async () => {})
        expect(heard, 'told once').to.have.length(isEmptied ? 2 : 1)
      })
    }

    it('the store keeps a sign-in record for one at a time, whoever asks', async () => {
      const other = driver === 'pg' ? await open(2) : store
      const provider = await write((tx) =>
        tx.insert('identity_providers', {
          name: 'Example',
          type: 'oidc',
          settings: {},
          isDefault: false,
          isDisabled: false,
          clientTokenLifetimeSeconds: 3_600,
          sessionLifetimeSeconds: 3_600,
          emailDomains: ['*'],
        }),
      )
      const scope = { accountId: account.id, providerId: provider.id }
      const until = unixTime(new VirtualClock().unix() + 60_000)
      const count = async (of: KnexStore) =>
        of.signInRecords(scope).change('attempts', (record) => {
          const attempts = Number(record?.['attempts'] ?? 0) + 1
          return { record: { attempts }, until, result: attempts }
        })
      const counted = await Promise.all(
        Array.from({ length: 10 }, (_, index) => count(index % 2 === 0 ? store : other)),
      )
      expect(counted.toSorted((a, b) => a - b)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      if (other !== store) await other.close()
    })

    it('the store pages through rows of one and the same moment without losing or repeating any', async () => {
      await write(async (tx) => {
        for (let index = 0; index < 7; index++) await tx.insert('groups', { name: `Group ${index}` })
      })
      const seen: string[] = []
      let last: { createdAt: Account['createdAt']; id: string } | undefined
      do {
        const page = await store.reader(account.id).list('groups', { after: last, limit: 3 })
        seen.push(...page.map(({ name }) => name))
        last = page.length < 3 ? undefined : page.at(-1)
      } while (last !== undefined)
      expect([...seen].sort()).to.deep.equal(Array.from({ length: 7 }, (_, index) => `Group ${index}`))
    })
  })
