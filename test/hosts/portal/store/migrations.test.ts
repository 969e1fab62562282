import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, before, beforeEach, describe, it } from 'mocha'
import type { DatabaseConfig } from '../../../../hosts/portal/store/dialect.ts'
import { openDialect } from '../../../../hosts/portal/store/open-dialect.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { migrationSource } from '../../../../hosts/portal/store/migration-source.ts'
import { Postgres } from '../../../kit/postgres.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { SQLITE_LIBRARIES } from '../../../kit/sqlite-libraries.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const id = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
const [ONE, TWO, BARE] = [id(1), id(2), id(3)]
const [NEWER, OLDER, TWIN, ALONE] = [id(11), id(12), id(13), id(14)]
const [ADA, LAPTOP, PHONE, TOKEN] = [id(21), id(31), id(32), id(41)]

for (const driver of [...SQLITE_LIBRARIES, 'pg'] as const)
  describe(`a database of an earlier version, on ${driver === 'pg' ? driver : `SQLite, of ${driver}`}`, () => {
    let postgres: Postgres | undefined
    let folder: string
    let database: DatabaseConfig

    before(async function () {
      this.timeout(60_000)
      if (driver === 'pg') postgres = await Postgres.shared(this)
    })
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'store-'))
      database =
        postgres === undefined
          ? { driver: 'sqlite', library: driver === 'pg' ? 'package' : driver, file: join(folder, 'portal.sqlite') }
          : { ...(await postgres.newDatabase()), driver: 'pg', password: undefined, tls: undefined }
    })
    afterEach(async () => rm(folder, { recursive: true, force: true }))

    const ports = () => ({ clock: new VirtualClock(), random: new SeededRandom(1), logger: new RecordingLogger() })

    /** Makes the tables as they were after a migration, with rows of that time. */
    const asOf = async (last: string, rows: Readonly<Record<string, readonly object[]>>): Promise<void> => {
      const dialect = openDialect(database, ports())
      const { knex } = dialect
      for (let done: string | undefined; done !== last;) {
        const [, [name]] = (await knex.migrate.up({ migrationSource })) as [number, string[]]
        if (name === undefined) throw new Error(`there is no migration ${last}`)
        done = name
      }
      for (const [table, all] of Object.entries(rows)) for (const row of all) await knex(table).insert(row)
      await dialect.close()
    }

    /** Rows of a table, in the order of their ids, after the current portal has opened the database. */
    const today = async (table: string, by: string): Promise<Record<string, unknown>[]> => {
      const dialect = openDialect(database, ports())
      const rows = (await dialect.knex(table).orderBy(by)) as Record<string, unknown>[]
      await dialect.close()
      return rows
    }
    const openStore = async () => {
      const store = await KnexStore.open({ database, ...ports() })
      const rows = await store.load()
      await store.close()
      return rows
    }

    const account = (accountId: string, slug: string) => ({
      id: accountId,
      slug,
      name: slug,
      is_disabled: false,
      upstream_resolvers: '[]',
      created_at: 1,
    })
    const provider = (providerId: string, account_id: string, created_at: number) => ({
      id: providerId,
      account_id,
      name: `provider ${providerId}`,
      type: 'oidc',
      settings: '{}',
      is_default: false,
      is_disabled: false,
      client_token_lifetime_seconds: 60,
      session_lifetime_seconds: 60,
      created_at,
    })
    const client = (clientId: string, number: number, verified_at: number | null) => ({
      id: clientId,
      account_id: ONE,
      actor_id: ADA,
      external_id: clientId,
      name: 'laptop',
      public_key: 'A'.repeat(44),
      psk_base: 'B'.repeat(44),
      ipv4: `100.64.0.${number}`,
      ipv6: `fd00:2021:1111::${number}`,
      verified_at,
      created_at: 1,
    })
    const record = (key: string) => ({ account_id: ONE, provider_id: OLDER, key, record: '{}', expires_at: 9_999 })
    const rows = {
      accounts: [account(ONE, 'one'), account(TWO, 'two'), account(BARE, 'bare')],
      actors: [{ id: ADA, account_id: ONE, type: 'user', name: 'Ada', is_disabled: false, created_at: 1 }],
      identity_providers: [
        provider(NEWER, ONE, 20),
        provider(TWIN, ONE, 10),
        provider(OLDER, ONE, 10),
        provider(ALONE, TWO, 99),
      ],
      sign_in_records: [record('code/ada'), record('codeless'), record('mails/ada')],
      clients: [client(LAPTOP, 2, 1_700_000_000_000), client(PHONE, 3, null)],
    }

    it('a database that a newer version has used is refused, and says which schema', async () => {
      await openStore()
      const dialect = openDialect(database, ports())
      await dialect.knex('knex_migrations').insert({ name: '0999-later', batch: 9 })
      await dialect.close()
      const refused = await openStore().catch((error: unknown) => error)
      expect(refused).to.have.property('code', 'DATABASE_NEWER')
      expect(refused).to.have.property('message').which.includes('0999-later')
    })

    it('migration 0008 gives the oldest provider of each account every domain and the others none, and ends codes under way', async () => {
      await asOf('0007-key-check', rows)
      await openStore()
      const domains = (await today('identity_providers', 'id')).map((one) => [one['id'], one['email_domains']])
      expect(domains).to.deep.equal([
        [NEWER, '[]'],
        [OLDER, '["*"]'],
        [TWIN, '[]'],
        [ALONE, '["*"]'],
      ])
      const records = await today('sign_in_records', 'key')
      expect(records.map(({ key, about }) => [key, about])).to.deep.equal([
        ['codeless', null],
        ['mails/ada', null],
      ])
    })

    it('migration 0009 lets verifications lapse, and knows no device key yet', async () => {
      await asOf('0008-what-sign-ins-rest-on', rows)
      const { clients } = await openStore()
      expect(clients.map((one) => one.id).toSorted()).to.deep.equal([LAPTOP, PHONE])
      for (const one of await today('clients', 'id')) {
        expect(one).to.include({ verified_at: null, device_key: null, proven_at: null })
        expect(Boolean(one['is_proven'])).to.equal(false)
        expect(Boolean(one['accepts_unproven'])).to.equal(false)
      }
    })

    it('0010 takes no token for one that an emergency code is behind', async () => {
      const token = {
        id: TOKEN,
        account_id: ONE,
        kind: 'api',
        name: 'CI',
        actor_id: ADA,
        salt: 's',
        hash: 'h',
        created_at: 1,
      }
      await asOf('0009-device-keys', { ...rows, tokens: [token] })
      await openStore()
      const [one] = await today('tokens', 'id')
      expect(one).to.include({ id: TOKEN, expires_at: null })
      expect(Boolean(one?.['is_emergency'])).to.equal(false)
    })

    const FIXED_KINDS = [
      { type: 'udp', address: '192.0.2.53' },
      { type: 'https', url: 'https://dns.example.org/dns-query' },
      { type: 'tls', address: '2001:db8::53', serverName: 'dns.example.org' },
    ]

    it('0011 makes settings of plugins of the upstream resolvers of each account', async () => {
      const accounts = [
        { ...account(ONE, 'one'), upstream_resolvers: JSON.stringify(FIXED_KINDS) },
        account(TWO, 'two'),
      ]
      await asOf('0010-emergency-tokens', { accounts })
      const { accounts: found } = await openStore()
      expect(
        Object.fromEntries(found.map(({ id: accountId, upstreamResolvers }) => [accountId, upstreamResolvers])),
      ).to.deep.equal({
        [ONE]: [
          { type: 'udp', settings: { address: '192.0.2.53' } },
          { type: 'https', settings: { url: 'https://dns.example.org/dns-query' } },
          { type: 'tls', settings: { address: '2001:db8::53', server_name: 'dns.example.org' } },
        ],
        [TWO]: [],
      })
    })

    it('0011 taken back leaves the resolvers that there were, and none that these kinds cannot express', async () => {
      const accounts = [
        { ...account(ONE, 'one'), upstream_resolvers: JSON.stringify(FIXED_KINDS) },
        account(TWO, 'two'),
      ]
      await asOf('0010-emergency-tokens', { accounts })
      const dialect = openDialect(database, ports())
      const { knex } = dialect
      await knex.migrate.up({ migrationSource })
      const newer = [
        { type: 'udp', settings: { address: '192.0.2.1' }, match: ['corp.example'] },
        { type: 'udp', settings: { address: '192.0.2.2', port: 5353 } },
        { type: 'hosts-file', settings: {} },
        { type: 'udp', settings: { address: '192.0.2.3' } },
      ]
      await knex('accounts')
        .where({ id: TWO })
        .update({ upstream_resolvers: JSON.stringify(newer) })
      await knex.migrate.down({ migrationSource })
      const rows = (await knex('accounts').orderBy('id')) as { upstream_resolvers: string }[]
      expect(rows.map(({ upstream_resolvers }) => JSON.parse(upstream_resolvers) as unknown)).to.deep.equal([
        FIXED_KINDS,
        [{ type: 'udp', address: '192.0.2.3' }],
      ])
      await dialect.close()
    })

    it('0012 knows nothing of what providers said at older sign-ins', async () => {
      const token = {
        id: TOKEN,
        account_id: ONE,
        kind: 'client',
        name: 'old',
        actor_id: ADA,
        salt: 's',
        hash: 'h',
        created_at: 1,
      }
      const tokens = [{ ...token, identity_provider_id: OLDER }]
      await asOf('0011-resolver-settings', { ...rows, tokens })
      const { tokens: found } = await openStore()
      expect(found.map(({ id: tokenId, signIn }) => [tokenId, signIn])).to.deep.equal([[TOKEN, null]])
    })

    it('0013 spells the key of codes by mail with a dash, as the keys of all plugins', async () => {
      const mail = { ...provider(NEWER, ONE, 20), type: 'email_otp', email_domains: '[]' }
      await asOf('0012-sign-in-statements', { accounts: rows.accounts, identity_providers: [mail] })
      const { identity_providers: found } = await openStore()
      expect(found.map(({ type }) => type)).to.deep.equal(['email-otp'])
    })

    it('0015 makes admins owners, and lets tokens that there are do what they could', async () => {
      const token = { account_id: ONE, name: 'CI', actor_id: ADA, salt: 's', hash: 'h', created_at: 1 }
      await asOf('0014-ephemeral-gateways', {
        accounts: rows.accounts,
        actors: [
          { id: ADA, account_id: ONE, type: 'admin', name: 'Ada', is_disabled: false, created_at: 1 },
          { id: PHONE, account_id: ONE, type: 'user', name: 'Bob', is_disabled: false, created_at: 2 },
        ],
        tokens: [
          { ...token, id: TOKEN, kind: 'api' },
          { ...token, id: LAPTOP, kind: 'client' },
        ],
      })
      const { actors, tokens } = await openStore()
      expect(actors.map(({ id: actorId, type }) => [actorId, type])).to.deep.equal([
        [ADA, 'owner'],
        [PHONE, 'user'],
      ])
      expect(Object.fromEntries(tokens.map((one) => [one.id, [one.scopes, one.makerId]]))).to.deep.equal({
        [TOKEN]: [['write'], null],
        [LAPTOP]: [null, null],
      })
    })

    it('0019 takes rows for unchanged since they were made', async () => {
      await asOf('0018-address-ranges', {
        accounts: [account(ONE, 'one')],
        identity_providers: [{ ...provider(NEWER, ONE, 20), email_domains: '[]' }],
      })
      const { accounts, identity_providers: providers } = await openStore()
      expect([...accounts, ...providers].map(({ updatedAt }) => updatedAt)).to.deep.equal([1, 20])
    })

    it('each migration can be taken back and made again, with the rows that there are', async () => {
      await asOf('0007-key-check', rows)
      const dialect = openDialect(database, ports())
      const { knex } = dialect
      let made = 0
      const up = async (): Promise<[number, string[]]> =>
        (await knex.migrate.up({ migrationSource })) as [number, string[]]
      while ((await up())[1].length > 0) made++
      expect(made).to.be.at.least(3)
      while (made-- > 0) await knex.migrate.down({ migrationSource })
      expect(await knex('clients')).to.have.length(2)
      await dialect.close()
      expect((await openStore()).clients).to.have.length(2)
    })
  })
