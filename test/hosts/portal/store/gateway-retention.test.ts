import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { DAY, HOUR } from '../../../../core/runtime/time.ts'
import { PortalConfig } from '../../../../hosts/portal/config.ts'
import type { Account, Gateway, Site } from '../../../../hosts/portal/store/entities.ts'
import { GatewayRetention, type GatewayKeeping } from '../../../../hosts/portal/store/gateway-retention.ts'
import { KnexStore } from '../../../../hosts/portal/store/knex-store.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

const by = { type: 'system', part: 'test' } as const
const KEEP: GatewayKeeping = { ephemeral_grace_seconds: 300, keep_offline_days: 'forever' }
/** Interval of looks with a grace of 300 s. */
const LOOK_MS = 75_000

describe('the rows of gateways that have gone', () => {
  let clock: VirtualClock
  let store: KnexStore
  let account: Account
  let site: Site
  let connected: Set<string>
  let processes: GatewayRetention[]

  beforeEach(async () => {
    clock = new VirtualClock()
    const database = { driver: 'sqlite', file: ':memory:' } as const
    store = await KnexStore.open({ database, clock, random: new SeededRandom(1), logger: new RecordingLogger() })
    account = await store.createAccount({ slug: 'example', name: 'Example' }, by)
    site = await store.transact({ accountId: account.id, by }, (tx) =>
      tx.insert('sites', { name: 'Berlin', selector: 'random', selectorSettings: {} }),
    )
    connected = new Set()
    processes = []
  })
  afterEach(async () => {
    for (const retention of processes) retention.stop()
    await store.close()
  })

  const gateway = async (name: string, isEphemeral: boolean): Promise<Gateway> =>
    store.transact({ accountId: account.id, by }, async (tx) =>
      tx.insert('gateways', {
        siteId: site.id,
        externalId: name,
        name,
        publicKey: name,
        pskBase: 'psk',
        ...(await tx.allocateAddresses()),
        isEphemeral,
        presentAt: null,
        lastSeenAt: clock.unix(),
        lastSeenVersion: null,
      }),
    )

  const names = async (): Promise<string[]> =>
    (await store.reader(account.id).list('gateways')).map(({ name }) => name).toSorted()

  /** Starts one process; the result lets time pass until it has looked at the gateways so many times. */
  const run = (keep: GatewayKeeping, isConnected = (id: string) => connected.has(id)) => {
    const logger = new RecordingLogger()
    const retention = new GatewayRetention({ store, clock, logger, isConnected, keep })
    processes.push(retention)
    retention.start()
    return async (looks: number, intervalMs = LOOK_MS): Promise<void> => {
      for (let look = 0; look < looks; look++) {
        const looked = logger.next(/^(gateways that have gone were|no gateway has been gone|removing gateways)/)
        clock.advance(intervalMs)
        await looked
      }
    }
  }

  it('an ephemeral gateway’s row is removed after its grace, with a record in the audit trail; another’s stays', async () => {
    const { id } = await gateway('ephemeral', true)
    await gateway('lasting', false)
    connected.add(id)
    const look = run(KEEP)
    await look(20)
    expect(await names()).to.deep.equal(['ephemeral', 'lasting'])
    connected.delete(id)
    await look(4)
    expect(await names(), 'not before its grace').to.deep.equal(['ephemeral', 'lasting'])
    await look(2)
    expect(await names()).to.deep.equal(['lasting'])
    const [record] = await store.auditLog(account.id, { limit: 1 })
    expect(record).to.include({ action: 'removed', entity: 'gateways', entityId: id })
    expect(record?.by).to.deep.equal({ type: 'system', part: 'gateway-retention' })
    expect((await store.auditLog(account.id, { limit: 100 })).map(({ action }) => action)).not.to.include('updated')
  })

  it('a gateway has its grace anew after a start of the portal, however long that was away', async () => {
    const { id } = await gateway('ephemeral', true)
    clock.advance(3 * DAY)
    const look = run(KEEP)
    await look(3)
    expect(await names()).to.deep.equal(['ephemeral'])
    connected.add(id)
    await look(10)
    expect(await names()).to.deep.equal(['ephemeral'])
  })

  it('a gateway that is connected to another process of the portal keeps its row', async () => {
    const { id } = await gateway('ephemeral', true)
    connected.add(id)
    const here = run(KEEP)
    const elsewhere = run(KEEP, () => false)
    for (let round = 0; round < 10; round++) {
      const both = [here(1), elsewhere(1, 0)]
      await Promise.all(both)
    }
    expect(await names()).to.deep.equal(['ephemeral'])
  })

  it('any gateway that is offline longer than the days of portal.yaml is removed, unless it has a token of its own', async () => {
    const [there, bound] = [await gateway('connected', false), await gateway('bound', false)]
    await gateway('gone', false)
    await store.transact({ accountId: account.id, by }, (tx) =>
      tx.insert('tokens', {
        kind: 'gateway',
        name: 'own',
        actorId: null,
        siteId: site.id,
        gatewayId: bound.id,
        identityProviderId: null,
        signIn: null,
        salt: '',
        hash: '',
        scopes: null,
        makerId: null,
        isEmergency: false,
        expiresAt: null,
        lastUsedAt: null,
      }),
    )
    connected.add(there.id)
    clock.advance(7 * DAY - HOUR)
    const look = run({ ephemeral_grace_seconds: 86_400, keep_offline_days: 7 })
    await look(1, HOUR)
    expect(await names()).to.deep.equal(['bound', 'connected', 'gone'])
    await look(3, HOUR)
    expect(await names(), 'a day for gateways to come back after the start').to.deep.equal([
      'bound',
      'connected',
      'gone',
    ])
    await look(24, HOUR)
    expect(await names()).to.deep.equal(['bound', 'connected'])
    expect(await store.reader(account.id).list('tokens')).to.have.length(1)
  })

  it('by default an ephemeral gateway has five minutes, and any other keeps its row for ever', () => {
    expect(PortalConfig.parse({}).gateway_rows).to.deep.equal(KEEP)
    expect(() => PortalConfig.parse({ gateway_rows: { keep_offline_days: 0 } })).to.throw()
  })
})
