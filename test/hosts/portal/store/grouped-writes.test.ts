import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { SECOND } from '../../../../core/runtime/time.ts'
import { AuditIds } from '../../../../hosts/portal/store/audit-ids.ts'
import { HIDE_ALL_SETTINGS } from '../../../../hosts/portal/store/audit-trail.ts'
import type { Dialect } from '../../../../hosts/portal/store/dialect.ts'
import type { Change } from '../../../../hosts/portal/store/entities.ts'
import { GroupedWrites } from '../../../../hosts/portal/store/grouped-writes.ts'
import { migrationSource } from '../../../../hosts/portal/store/migration-source.ts'
import { openDialect } from '../../../../hosts/portal/store/open-dialect.ts'
import { encodeRow } from '../../../../hosts/portal/store/row-codec.ts'
import { insertAll } from '../../../../hosts/portal/store/statements.ts'
import type { Transaction } from '../../../../hosts/portal/store/store.ts'
import { WriteQueue } from '../../../../hosts/portal/store/write-queue.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by = { type: 'system', part: 'test' } as const
const accountId = '00000000-0000-4000-8000-000000000001'

describe('writes of the store at the same time', () => {
  const clock = new VirtualClock()
  let dialect: Dialect
  let writes: GroupedWrites
  /** Number of commits with changes. */
  let commits: number
  let told: Change[][]

  beforeEach(async () => {
    commits = 0
    told = []
    const random = new SeededRandom(1)
    const ports = { clock, random, logger: new RecordingLogger() }
    const opened = openDialect({ driver: 'sqlite', file: ':memory:' }, ports)
    dialect = { ...opened, announce: async () => Promise.resolve(void commits++) }
    await dialect.runMigrations((migrator) => migrator.migrate.latest({ migrationSource }))
    const queue = new WriteQueue(clock)
    const auditIds = new AuditIds(random)
    writes = new GroupedWrites({ dialect, clock, random, queue, auditIds, auditedSettings: HIDE_ALL_SETTINGS, told: 0 })
    const times = { createdAt: clock.unix(), updatedAt: clock.unix() }
    const names = { id: accountId, slug: 'example', name: 'Example', isDisabled: false }
    const account = { ...names, ...times, upstreamResolvers: [], searchDomain: null, addressRanges: null }
    await writes.change([{ entity: 'accounts', accountId, id: accountId, after: account }], by, ({ statements }) =>
      insertAll(statements, 'accounts', [encodeRow('accounts', account)]),
    )
    commits = 0
    writes.subscribe({ changed: (changes) => told.push([...changes]), reloaded: () => undefined })
  })
  afterEach(async () => dialect.close())

  const write = async <T>(work: (tx: Transaction) => Promise<T>, rehearsal?: () => void) =>
    writes.transact({ accountId, by, ...(rehearsal && { rehearsal }) }, { work, collided: () => undefined })
  const group = (name: string) => async (tx: Transaction) => tx.insert('groups', { name })
  const names = async (): Promise<string[]> => (await dialect.knex('groups').orderBy('name').pluck('name')) as string[]

  it('are committed together, and told one by one in their order, before the writers hear of it', async () => {
    const heard: number[] = []
    const all = Array.from({ length: 100 }, async (_, at) =>
      write(group(`g${String(at).padStart(2, '0')}`)).then(() => heard.push(told.length)),
    )
    await Promise.all(all)
    // The first is on its way before the second comes.
    expect(commits).to.be.at.most(2)
    expect(told.every((changes) => changes.length === 1)).to.equal(true)
    expect(told.flat().map(({ after }) => (after as { name: string }).name)).to.deep.equal(await names())
    expect(Math.min(...heard)).to.be.above(0)
    expect(await dialect.knex('outbox')).to.have.lengthOf(101)
    expect(await dialect.knex('audit_log')).to.have.lengthOf(101)
  })

  it('fail alone: one that throws, breaks a rule of the database or is a rehearsal leaves nothing, and the others stay', async () => {
    const failing = async (tx: Transaction): Promise<void> => {
      await tx.insert('groups', { name: 'undone' })
      throw new Error('no')
    }
    const outcomes = await Promise.allSettled([
      write(group('a')),
      write(failing),
      write(group('b')),
      write(group('a')),
      write(group('rehearsed'), () => undefined),
      write(group('c')),
    ])
    expect(outcomes.map(({ status }) => status === 'fulfilled')).to.deep.equal([true, false, true, false, true, true])
    expect(await names()).to.deep.equal(['a', 'b', 'c'])
    expect(told.flat().map(({ after }) => (after as { name: string }).name)).to.deep.equal(['a', 'b', 'c'])
    expect((outcomes[3] as PromiseRejectedResult).reason).to.have.property('code', 'CONFLICT')
  })

  it('see what those before them have written', async () => {
    const counted = await Promise.all(
      ['a', 'b', 'c'].map(async (name) =>
        write(async (tx) => {
          await tx.insert('groups', { name })
          return (await tx.list('groups')).length
        }),
      ),
    )
    expect(counted).to.deep.equal([1, 2, 3])
  })

  it('are refused if they have waited for more than 30 s', async () => {
    const first = write(async (tx) => {
      clock.advance(31 * SECOND)
      return tx.insert('groups', { name: 'slow' })
    })
    await Promise.resolve()
    const outcome = await first.then(async () => {
      const late = write(group('late'))
      clock.advance(31 * SECOND)
      return late.catch((error: unknown) => error)
    })
    expect(outcome).to.have.property('code', 'BUSY')
    expect(await names()).to.deep.equal(['slow'])
  })
})
