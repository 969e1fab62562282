import { expect } from 'chai'
import { before, describe, it } from 'mocha'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { PostgresProxy } from '../../../kit/postgres-proxy.ts'
import { Postgres, type PostgresDatabase } from '../../../kit/postgres.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by = { type: 'system', part: 'test' } as const

describe('PostgreSQL whose connections fall silent', function () {
  this.timeout(300_000)
  let postgres: Postgres | undefined
  let database: PostgresDatabase
  before(async function () {
    postgres = await Postgres.shared(this)
    database = await postgres.newDatabase()
  })

  it('PostgreSQL is written to again by new connections, though the server still holds a lock for silent ones', async () => {
    const proxy = await PostgresProxy.start(database)
    const store = await KnexStore.open({
      // The default is 20 s.
      database: {
        ...database,
        host: proxy.folder,
        driver: 'pg',
        password: undefined,
        tls: undefined,
        silenceMs: 4_000,
      },
      clock: new VirtualClock(),
      random: new SeededRandom(1),
      logger: new RecordingLogger(),
    })
    try {
      const { id } = await store.createAccount({ slug: 'example', name: 'Example' }, by)
      const rename = async (name: string) =>
        store.transact({ accountId: id, by }, async (tx) => {
          await tx.patch('accounts', id, { name })
          if (name === 'First') proxy.silence()
        })
      const outcomes = await Promise.allSettled(['First', 'Second', 'Third'].map(rename))
      expect(outcomes.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled', 'fulfilled'])
      await store.check()
      expect((await store.load()).accounts[0]?.name).to.equal('Third')
    } finally {
      await store.close()
      await proxy.stop()
    }
  })
})
