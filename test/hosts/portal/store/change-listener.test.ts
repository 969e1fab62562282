import { expect } from 'chai'
import { afterEach, before, beforeEach, describe, it } from 'mocha'
import { Client } from 'pg'
import { DAY, SECOND } from '../../../../core/runtime/time.ts'
import type { Change, Rows } from '../../../../hosts/portal/store/entities.ts'
import { ChangeListener } from '../../../../hosts/portal/store/change-listener.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { Postgres, type PostgresDatabase } from '../../../kit/postgres.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by = { type: 'system', part: 'test' } as const

describe('the changes of other portal processes, while PostgreSQL comes and goes', function () {
  this.timeout(300_000)
  let postgres: Postgres | undefined
  let database: PostgresDatabase
  let clock: VirtualClock
  let logger: RecordingLogger
  let mine: KnexStore
  let other: KnexStore
  let othersClock: VirtualClock
  let told: (readonly Change[] | Rows)[]

  before(async function () {
    postgres = await Postgres.shared(this)
  })

  beforeEach(async () => {
    database = (await postgres?.newDatabase()) ?? expect.fail('no PostgreSQL')
    ;[clock, othersClock, logger, told] = [new VirtualClock(), new VirtualClock(), new RecordingLogger(), []]
    mine = await open({ clock, logger })
    other = await open({ clock: othersClock, logger: new RecordingLogger() })
    mine.subscribe({ changed: (changes) => told.push(changes), reloaded: (rows) => told.push(rows) })
  })
  afterEach(async () => {
    await mine.close()
    await other.close()
  })

  const open = async (ports: { clock: VirtualClock; logger: RecordingLogger }): Promise<KnexStore> =>
    KnexStore.open({
      database: { ...database, driver: 'pg', password: undefined, tls: undefined },
      random: new SeededRandom(ports.clock === clock ? 1 : 2),
      ...ports,
    })

  /** Ends the connection on which the first process listens; resolves once the process has noticed. */
  const cut = async (): Promise<void> => {
    const known = logger.next(/listening for changes .* failed/)
    const [row] =
      (
        await postgres?.query(
          `SELECT pid FROM pg_stat_activity WHERE datname = '${database.database}' AND query LIKE 'LISTEN%' ORDER BY backend_start`,
        )
      )?.rows ?? []
    await postgres?.query(`SELECT pg_terminate_backend(${(row as { pid: number }).pid})`)
    await known
  }

  const allow = async (isAllowed: boolean): Promise<unknown> =>
    postgres?.query(`ALTER DATABASE ${database.database} ALLOW_CONNECTIONS ${isAllowed}`)

  it('a portal catches up with changes after its listener was cut, and until then reports that it hears none', async () => {
    expect(mine.listenFailure()).to.equal(undefined)
    await cut()
    const missed = await other.createAccount({ slug: 'missed', name: 'Missed' }, by)
    expect(mine.listenFailure()).to.match(/terminating connection|ended/)
    expect(told).to.deep.equal([])
    const back = logger.next(/listening for changes .* again/)
    clock.advance(SECOND)
    await back
    expect(mine.listenFailure()).to.equal(undefined)
    expect(told).to.deep.equal([[{ entity: 'accounts', accountId: missed.id, id: missed.id, after: missed }]])
    // After that, changes arrive by notification again.
    const heard = new Promise((resolve) => mine.subscribe({ changed: resolve, reloaded: resolve }))
    await other.transact({ accountId: missed.id, by }, (tx) => tx.patch('accounts', missed.id, { name: 'Known' }))
    await heard
  })

  it('a portal tries to hear of changes ever less often while PostgreSQL stays away, at least every 30 s, and warns once', async () => {
    await allow(false)
    await cut()
    const waits: number[] = []
    for (let attempt = 0; attempt < 9; attempt++) {
      const at = clock.nextAlarm() ?? expect.fail('nothing will be tried')
      waits.push(at - clock.now())
      clock.advanceTo(at)
      while (clock.nextAlarm() === undefined) await new Promise(setImmediate)
    }
    const longest = waits.map((_, index) => Math.min(500 * 2 ** index, 30 * SECOND))
    waits.forEach((wait, index) => expect(wait).to.be.within((longest[index] ?? 0) / 2, longest[index] ?? 0))
    expect(logger.lines.filter(({ level }) => level === 'warn')).to.have.length(1)
    expect(mine.listenFailure()).to.match(/not currently accepting connections/)
    await allow(true)
    const back = logger.next(/listening for changes .* again/)
    clock.advance(30 * SECOND)
    await back
    expect(mine.listenFailure()).to.equal(undefined)
  })

  it('a portal reads all rows where PostgreSQL was away for longer than changes are kept', async () => {
    const account = await other.createAccount({ slug: 'example', name: 'Example' }, by)
    const scope = { accountId: account.id, by }
    const rename = async (name: string) => other.transact(scope, (tx) => tx.patch('accounts', account.id, { name }))
    await mine.transact(scope, (tx) => tx.patch('accounts', account.id, { name: 'Mine' }))
    told.length = 0
    await cut()
    await other.transact(scope, (tx) => tx.insert('groups', { name: 'Long ago' }))
    await rename('Not so long ago') // the newest entry stays, whatever its age
    othersClock.advance(2 * DAY)
    await rename('Later')
    const back = logger.next(/listening for changes .* again/)
    clock.advance(SECOND)
    await back
    expect(told).to.have.length(1)
    const rows = told[0] as Rows
    expect(rows.groups.map(({ name }) => name)).to.deep.equal(['Long ago'])
    expect(rows.accounts.map(({ name }) => name)).to.deep.equal(['Later'])
    // The process has caught up: it is told only of later changes from here on.
    await rename('Latest')
    await mine.transact(scope, (tx) => tx.patch('accounts', account.id, { searchDomain: 'example.org' }))
    const later = (told.slice(1) as Change[][]).flat()
    expect(later.map(({ entity }) => entity)).to.deep.equal(['accounts', 'accounts'])
  })

  it('a portal notices that it misses changes when the server says nothing any more on a connection that stays', async () => {
    const listener = new ChangeListener({
      connection: () => new Client({ ...database, query_timeout: 200 }),
      clock,
      random: new SeededRandom(3),
      logger,
    })
    await listener.open(() => Promise.resolve())
    const [row] =
      (
        await postgres?.query(
          `SELECT pid FROM pg_stat_activity WHERE datname = '${database.database}' AND query LIKE 'LISTEN%' ORDER BY backend_start DESC`,
        )
      )?.rows ?? []
    const { pid } = row as { pid: number }
    process.kill(pid, 'SIGSTOP')
    try {
      const known = logger.next(/listening for changes .* failed/)
      clock.advance(10 * SECOND)
      await known
      expect(listener.listenFailure).to.match(/timeout/)
      const back = logger.next(/listening for changes .* again/)
      clock.advance(SECOND)
      await back
      expect(listener.listenFailure).to.equal(undefined)
    } finally {
      process.kill(pid, 'SIGCONT')
      await listener.close()
    }
  })
})
