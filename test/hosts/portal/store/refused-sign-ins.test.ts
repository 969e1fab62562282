import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { MINUTE } from '../../../../core/runtime/time.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import type { SignInEvent } from '../../../../hosts/portal/store/store.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

describe('P13 what is written down of refused sign-ins', () => {
  let clock: VirtualClock
  let store: KnexStore
  let accountId: string

  beforeEach(async () => {
    clock = new VirtualClock()
    store = await KnexStore.open({
      database: { driver: 'sqlite', file: ':memory:' },
      clock,
      random: new SeededRandom(1),
      logger: new RecordingLogger(),
    })
    accountId = (await store.createAccount({ slug: 'example', name: 'Example' }, { type: 'system', part: 'test' })).id
  })
  afterEach(async () => store.close())

  const refuse = async (of: Partial<SignInEvent> = {}): Promise<void> =>
    store.recordSignIn(accountId, {
      at: clock.unix(),
      action: 'refused',
      reason: 'unknown_person',
      by: { type: 'system', part: 'sign-in' },
      actorId: null,
      identityProviderId: null,
      remoteIp: '192.0.2.7',
      ...of,
    })
  /** Lets a minute pass and waits until the summary at its end has been written. */
  const minutePasses = async (): Promise<void> => {
    clock.advance(MINUTE)
    await store.transact({ accountId, by: { type: 'system', part: 'test' } }, () => Promise.resolve())
  }
  const repeated = async () => (await records()).flatMap((record) => record.repeated ?? [])
  const records = async () =>
    (await store.auditLog(accountId, { kind: 'sign_in', limit: 500 })).map(({ details }) => details as SignInEvent)

  it('P13 the first refused sign-in is written down at once, and how many there were like it after a minute', async () => {
    for (let round = 0; round < 100; round++) await refuse()
    expect(await records()).to.have.length(1)
    await minutePasses()
    expect(await records()).to.have.length(2)
    expect(await repeated()).to.deep.equal([99])
    await refuse()
    expect(await records()).to.have.length(3)
  })

  it('P13 records of refused sign-ins are bounded by the minute, whatever strangers make up', async () => {
    for (let index = 0; index < 1_000; index++) await refuse({ remoteIp: `2001:db8::${index.toString(16)}` })
    expect(await records()).to.have.length(30)
    await minutePasses()
    expect(await records()).to.have.length(31)
    expect(await repeated()).to.deep.equal([970])
  })

  it('P13 records of refused sign-ins leave sign-ins, and what another account is told of, alone', async () => {
    const other = await store.createAccount({ slug: 'other', name: 'Other' }, { type: 'system', part: 'test' })
    for (let index = 0; index < 50; index++) await refuse({ remoteIp: `192.0.2.${index}` })
    for (let index = 0; index < 50; index++) await refuse({ action: 'signed_in' })
    expect(await records()).to.have.length(80)
    accountId = other.id
    await refuse()
    expect(await store.auditLog(other.id, { kind: 'sign_in', limit: 10 })).to.have.length(1)
  })
})
