import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import type { Change } from '../../../../hosts/portal/store/entities.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import type { Scope } from '../../../../hosts/portal/store/store.ts'
import { CountedQueries } from '../../../kit/counted-queries.ts'
import { writeMigratedDatabase } from '../../../kit/migrated-database.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

describe('changes of other processes, on SQLite', () => {
  let folder: string
  let portal: KnexStore
  let other: KnexStore
  let scope: Scope
  let queries: CountedQueries
  const told: Change[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'store-'))
    const file = join(folder, 'portal.sqlite')
    await writeMigratedDatabase(file)
    const open = async (seed: number) =>
      KnexStore.open({
        database: { driver: 'sqlite', file },
        clock: new VirtualClock(),
        random: new SeededRandom(seed),
        logger: new RecordingLogger(),
      })
    portal = await open(1)
    other = await open(2)
    queries = new CountedQueries()
    const account = await portal.createAccount({ slug: 'example', name: 'Example' }, { type: 'system', part: 'test' })
    scope = { accountId: account.id, by: { type: 'system', part: 'test' } }
    portal.subscribe({
      changed: (changes) => told.push(...changes),
      reloaded: () => expect.fail('nothing was missed'),
    })
  })
  after(async () => {
    queries.stop()
    await portal.close()
    await other.close()
    await rm(folder, { recursive: true })
  })

  /** Writes groups and memberships of their own by the other process; returns the queries of the next write. */
  const takenOver = async (name: string, groups: number): Promise<number> => {
    const actor = await portal.transact(scope, async (tx) =>
      tx.insert('actors', { type: 'user', name, email: null, isDisabled: false }),
    )
    await other.transact(scope, async (tx) => {
      for (let at = 0; at < groups; at++) {
        const group = await tx.insert('groups', { name: `${name} ${at}` })
        await tx.insert('memberships', { groupId: group.id, actorId: actor.id })
        if (at % 3 === 0) await tx.remove('groups', group.id)
      }
    })
    const before = queries.count
    told.length = 0
    await portal.transact(scope, async (tx) => tx.patch('actors', actor.id, { name: `${name}, again` }))
    return queries.count - before
  }

  it('are taken over by as many queries however many there are', async () => {
    const few = await takenOver('few', 3)
    expect(told).to.have.length(9)
    const many = await takenOver('many', 90)
    expect(told).to.have.length(241)
    expect(told.filter(({ entity, after: row }) => entity === 'groups' && row !== undefined)).to.have.length(60)
    expect(many).to.equal(few)
  })
})
