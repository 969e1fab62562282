import { expect } from 'chai'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { SECOND, unixTime } from '../../../../core/runtime/time.ts'
import type { Dialect } from '../../../../hosts/portal/store/dialect.ts'
import { openDialect } from '../../../../hosts/portal/store/open-dialect.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import type { SqliteLibrary } from '../../../../hosts/portal/store/sqlite-library.ts'
import { SQLITE_LIBRARIES } from '../../../kit/sqlite-libraries.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by = { type: 'system', part: 'test' } as const

for (const library of SQLITE_LIBRARIES)
  describe(`SQLite of ${library} while another process has its lock`, () => {
    let folder: string
    let clock: VirtualClock
    let store: KnexStore
    let accountId: string
    let other: Dialect

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sqlite-'))
      const file = join(folder, 'portal.sqlite')
      clock = new VirtualClock()
      store = await KnexStore.open({
        database: { driver: 'sqlite', library, file },
        clock,
        random: new SeededRandom(1),
        logger: new RecordingLogger(),
      })
      accountId = (await store.createAccount({ slug: 'example', name: 'Example' }, by)).id
      other = openDialect(
        { driver: 'sqlite', library, file },
        { clock, random: new SeededRandom(2), logger: new RecordingLogger() },
      )
      await other.knex.raw('BEGIN IMMEDIATE')
    })
    afterEach(async () => {
      await other.close()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })

    /** Waits until a timer is armed for a moment that the clock has not reached. */
    const waiting = async (): Promise<void> => {
      while (clock.nextAlarm() === undefined) await new Promise((resolve) => setImmediate(resolve))
    }
    const codeOf = async (write: Promise<unknown>): Promise<unknown> =>
      write.then(
        () => 'done',
        (error: unknown) => (error as { code: string }).code,
      )

    it('SQLite is read while another process has its lock, and written to as soon as the lock is gone', async () => {
      const renamed = store.transact({ accountId, by }, (tx) => tx.patch('accounts', accountId, { name: 'New' }))
      const decided = store.recordSignIn(accountId, {
        at: clock.unix(),
        action: 'signed_out',
        reason: 'test',
        by,
        actorId: null,
        identityProviderId: null,
        remoteIp: null,
      })
      await waiting()
      expect((await store.load()).accounts[0]?.name).to.equal('Example')
      await store.check()
      await other.knex.raw('COMMIT')
      clock.advance(SECOND)
      expect((await renamed)?.name).to.equal('New')
      await decided
    })

    it('SQLite is not ready after ten seconds under another process’ lock, and refuses writes that have waited for five', async () => {
      const session = codeOf(store.sessions.put('s', { data: '{}', expiresAt: unixTime(0) }))
      const renamed = codeOf(
        store.transact({ accountId, by }, (tx) => tx.patch('accounts', accountId, { name: 'New' })),
      )
      await waiting()
      clock.advance(11 * SECOND)
      expect(await store.check().catch((error: unknown) => String(error))).to.match(/waiting for 11 s/)
      expect([await session, await renamed]).to.deep.equal(['BUSY', 'BUSY'])
      await store.check()
    })
  })

describe('a database file', () => {
  it('a database file that one SQLite library made is opened and written by each other one', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sqlite-'))
    const open = async (library: SqliteLibrary) =>
      KnexStore.open({
        database: { driver: 'sqlite', library, file: join(folder, 'portal.sqlite') },
        clock: new VirtualClock(),
        random: new SeededRandom(libraryTurn++),
        logger: new RecordingLogger(),
      })
    let libraryTurn = 1
    const names: string[] = []
    for (const library of [...SQLITE_LIBRARIES, ...SQLITE_LIBRARIES]) {
      const store = await open(library)
      names.push(`${library} ${names.length}`)
      await store.createAccount({ slug: `account-${names.length}`, name: names.at(-1) ?? '' }, by)
      expect((await store.load()).accounts.map(({ name }) => name)).to.have.members(names)
      await store.close()
    }
    await rm(folder, { recursive: true, force: true })
  })

  it('a file that cannot be a database is refused with the name of the fault, whatever the library', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sqlite-'))
    await writeFile(join(folder, 'text'), 'this is no database\n'.repeat(100))
    for (const library of SQLITE_LIBRARIES) {
      for (const [name, fault] of [
        ['text', /SQLITE_NOTADB/],
        ['no-folder/portal.sqlite', /SQLITE_CANTOPEN/],
      ] as const) {
        const opened = KnexStore.open({
          database: { driver: 'sqlite', library, file: join(folder, name) },
          clock: new VirtualClock(),
          random: new SeededRandom(1),
          logger: new RecordingLogger(),
        })
        const refusal = await opened.catch((error: unknown) => error)
        expect(refusal).to.have.property('code', 'DATABASE_UNUSABLE')
        expect(String(refusal)).to.match(fault)
      }
    }
    await rm(folder, { recursive: true, force: true })
  })
})
