import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, before, beforeEach, describe, it } from 'mocha'
import { DAY, HOUR, MINUTE, unixTime } from '../../../../core/runtime/time.ts'
import { AuditRetention, type AuditKeeping } from '../../../../hosts/portal/store/audit-retention.ts'
import { PortalConfig } from '../../../../hosts/portal/config.ts'
import type { Account } from '../../../../hosts/portal/store/entities.ts'
import { decisionRecord, insertAudit, readDecisions } from '../../../../hosts/portal/store/audit-trail.ts'
import type { DatabaseConfig } from '../../../../hosts/portal/store/dialect.ts'
import { openDialect } from '../../../../hosts/portal/store/open-dialect.ts'
import { AuditIds } from '../../../../hosts/portal/store/audit-ids.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { migrationSource } from '../../../../hosts/portal/store/migration-source.ts'
import type { Decision } from '../../../../hosts/portal/store/store.ts'
import { Postgres } from '../../../kit/postgres.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by = { type: 'system', part: 'test' } as const
const ADA = '11111111-1111-4111-8111-111111111111'

for (const driver of ['sqlite', 'pg'] as const)
  describe(`the audit trail’s time on ${driver}`, function () {
    this.timeout(300_000)
    let postgres: Postgres | undefined
    let folder: string
    let database: DatabaseConfig
    let clock: VirtualClock
    let logger: RecordingLogger
    let store: KnexStore
    let account: Account
    let retention: AuditRetention | undefined

    before(async function () {
      if (driver === 'pg') postgres = await Postgres.shared(this)
    })

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'audit-'))
      database =
        postgres === undefined
          ? { driver: 'sqlite', file: join(folder, 'portal.sqlite') }
          : { ...(await postgres.newDatabase()), driver: 'pg', password: undefined, tls: undefined }
      ;[clock, logger] = [new VirtualClock(), new RecordingLogger()]
      store = await KnexStore.open({ database, clock, random: new SeededRandom(1), logger })
      account = await store.createAccount({ slug: 'example', name: 'Example' }, by)
    })
    afterEach(async () => {
      retention?.stop()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })

    const decision = (given: Partial<Decision> = {}): Decision => ({
      at: clock.unix(),
      verdict: 'denied',
      reason: 'forbidden',
      actorId: ADA,
      clientId: null,
      gatewayId: null,
      resourceId: null,
      policyId: null,
      details: {},
      ...given,
    })

    const signIn = async (accountId: string): Promise<void> =>
      store.recordSignIn(accountId, {
        at: clock.unix(),
        action: 'signed_in',
        reason: 'browser',
        by,
        actorId: ADA,
        identityProviderId: null,
        remoteIp: null,
      })

    const trail = async (accountId = account.id) =>
      (await store.auditLog(accountId, { limit: 5_000 })).map(({ kind, action }) => `${kind} ${action}`)

    const keep = (terms: AuditKeeping): void => {
      retention = new AuditRetention({ store, clock, logger, keep: terms })
      retention.start()
    }

    /** Lets time pass until expired records have been removed once more. */
    const look = async (milliseconds: number): Promise<void> => {
      const looked = logger.next(/^(expired audit records|no audit record)/)
      clock.advance(milliseconds)
      await looked
    }

    it('audit records are kept for 400 days by default', () => {
      const { audit_trail: terms } = PortalConfig.parse({})
      expect(terms).to.deep.equal({ keep_days: 400, keep_decisions_days: 400 })
      expect(() => PortalConfig.parse({ audit_trail: { keep_days: 0 } })).to.throw()
    })

    it('audit records are removed at their moment and not before, for each kind by itself, in every account, and that is in the trail', async () => {
      const other = await store.createAccount({ slug: 'other', name: 'Other' }, by)
      for (const { id } of [account, other]) {
        clock.advance(1)
        await store.recordDecision(id, decision())
        clock.advance(1)
        await signIn(id)
      }
      keep({ keep_days: 30, keep_decisions_days: 7 })
      await look(MINUTE)
      expect(await trail()).to.deep.equal(['sign_in signed_in', 'decision denied', 'change created'])
      await look(7 * DAY - 2 * HOUR)
      expect(await trail()).to.include('decision denied')
      await look(2 * HOUR)
      for (const { id } of [account, other]) {
        expect(await trail(id)).to.deep.equal(['change removed', 'sign_in signed_in', 'change created'])
      }
      const [record] = await store.auditLog(account.id, { limit: 1 })
      expect(record).to.deep.include({
        entity: 'audit_log',
        entityId: null,
        by: { type: 'system', part: 'audit-retention' },
        details: { removed: 1, kinds: ['decision'], before: new Date(clock.unix() - 7 * DAY).toISOString() },
      })
      await look(30 * DAY + 1)
      expect(await trail(), 'and the record of the removal ends as well').to.deep.equal(['change removed'])
    })

    it('audit records are kept for ever where the operator says so', async () => {
      await store.recordDecision(account.id, decision())
      keep({ keep_days: 'forever', keep_decisions_days: 'forever' })
      expect(clock.nextAlarm() === undefined || driver === 'pg').to.equal(true)
      clock.advance(10_000 * DAY)
      expect(await trail()).to.deep.equal(['decision denied', 'change created'])
    })

    it('a thousand audit records are removed at a time, and a stop waits for one batch at most', async () => {
      const at = clock.unix()
      const random = new SeededRandom(2)
      const ids = new AuditIds(random)
      const many = Array.from({ length: 2_500 }, (_, index) => decision({ at: unixTime(at + index) }))
      const { knex, statements, close } = openDialect(database, { clock, random, logger })
      const records = many.map((one) => decisionRecord(account.id, one, ids))
      await knex.transaction(async (tx) => insertAudit(await statements(tx), records))
      await close()
      const batches: number[] = []
      const counted = {
        accountIds: () => store.accountIds(),
        removeAudit: async (...which: Parameters<KnexStore['removeAudit']>) => {
          batches.push(await store.removeAudit(...which))
          return batches.at(-1) ?? 0
        },
      }
      retention = new AuditRetention({
        store: counted,
        clock,
        logger,
        keep: { keep_days: 'forever', keep_decisions_days: 1 },
      })
      retention.start()
      await look(2 * DAY)
      expect(batches).to.deep.equal([1_000, 1_000, 500])
      expect(logger.lines.at(-1)?.fields).to.deep.equal({ removed: 2_500 })
      expect(await trail()).to.deep.equal(['change removed', 'change removed', 'change removed', 'change created'])
    })

    it('one person’s decisions are found by an index while audit records are removed, older ones too', async () => {
      const dialect = openDialect(database, { clock, random: new SeededRandom(2), logger })
      try {
        const { knex } = dialect
        for (let index = 0; index < 300; index++) {
          await store.recordDecision(account.id, decision({ actorId: index % 100 === 0 ? ADA : account.id }))
        }
        await signIn(account.id)
        // These rows are those that an earlier version of the portal has left.
        await knex.migrate.down({ migrationSource })
        await knex.migrate.latest({ migrationSource })
        const found = await store.decisionsOf(account.id, ADA, 10)
        expect(found.map(({ details }) => (details as Decision).actorId)).to.deep.equal([ADA, ADA, ADA])
        expect(await knex('audit_log').where({ kind: 'sign_in', actor_id: ADA })).to.have.length(1)

        if (driver === 'pg') await knex.raw('ANALYZE audit_log')
        const asked: { sql: string; bindings: string[] }[] = []
        knex.on('query', (query: { sql: string; bindings: string[] }) => asked.push(query))
        await readDecisions(knex, { accountId: account.id, actorId: ADA, limit: 10 })
        const [query] = asked
        const explain = driver === 'pg' ? 'EXPLAIN' : 'EXPLAIN QUERY PLAN'
        expect(
          JSON.stringify(await knex.raw(`${explain} ${query?.sql.replaceAll(/\$\d+/g, '?')}`, query?.bindings ?? [])),
        ).to.contain('audit_log_actor_index')
      } finally {
        await dialect.close()
      }
    })
  })
