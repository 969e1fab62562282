// Answer times of the pages for admins, in an account with 10,000 devices, 1,000 resources and 10,000 policies.
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { KnexStore } from '../../hosts/portal/store/knex-store.ts'
import type { Transaction } from '../../hosts/portal/store/store.ts'
import { createClock, createRandom } from '../../hosts/runtime/index.ts'
import { AdminVisitor } from '../kit/admin-visitor.ts'
import { PortalFixture } from '../kit/portal-fixture.ts'
import { RecordingLogger } from '../kit/recording-logger.ts'
import { percentile, type Figure } from './figure.ts'

const PEOPLE = 2_000
const DEVICES = 10_000
const GROUPS = 100
const RESOURCES = 1_000
const POLICIES = 10_000
/** Requests measured of each page, after as many to warm up. */
const RUNS = 10
/** Rows written in one transaction. */
const CHUNK = 500
const GOAL = 'p95 < 50 ms'

export const benchPages = async (): Promise<Figure[]> => {
  const portal = await PortalFixture.start()
  process.stderr.write('writes the rows, which takes a minute …\n')
  const ids = await furnish(portal)
  // The portal hears of rows that another process wrote with its own next write.
  await portal.create('/groups', { name: 'Last' })
  const admin = await AdminVisitor.signIn(portal)
  const pages = {
    overview: '',
    people: '/people',
    'people, searched': '/people?q=person+19',
    devices: '/devices',
    policies: '/policies',
    resources: '/resources',
    'one resource': `/resources/${ids.resource}`,
    'one person': `/people/${ids.person}`,
    explain: `/explain?actor=${ids.person}&resource=${ids.resource}`,
    'policy form': '/policies/new',
  }
  const figures: Figure[] = []
  for (const [name, path] of Object.entries(pages)) {
    process.stderr.write(`page ${name} …\n`)
    const taken: number[] = []
    for (let run = 0; run < 2 * RUNS; run++) {
      const began = performance.now()
      const { status } = await admin.open(path)
      if (status !== 200) throw new Error(`${path}: ${status}`)
      if (run >= RUNS) taken.push(performance.now() - began)
    }
    figures.push({ name: `page ${name}, p50`, value: percentile(taken, 0.5), unit: 'ms' })
    figures.push({ name: `page ${name}, p95`, value: percentile(taken, 0.95), unit: 'ms', goal: GOAL })
  }
  figures.push(await idleStreams(admin))
  await portal.stop()
  return figures
}

/** Processor time of the portal's process with ten open streams while nothing changes, in ms a second. */
const idleStreams = async (admin: AdminVisitor): Promise<Figure> => {
  for (let count = 0; count < 10; count++) await (await admin.openStream('/people'))('event: beat')
  const before = process.cpuUsage()
  await setTimeout(5_000)
  const { user, system } = process.cpuUsage(before)
  return { name: 'ten idle streams', value: (user + system) / 1_000 / 5, unit: 'ms/s' }
}

const furnish = async (portal: PortalFixture): Promise<{ person: string; resource: string }> => {
  const store = await KnexStore.open({
    database: { driver: 'sqlite', library: 'package', file: join(portal.stateFolder, 'portal.sqlite') },
    clock: createClock(),
    random: createRandom(),
    logger: new RecordingLogger(),
  })
  const write = async <T>(count: number, insert: (tx: Transaction, at: number) => Promise<T>): Promise<T[]> => {
    const made: T[] = []
    for (let from = 0; from < count; from += CHUNK) {
      const by = { type: 'system', part: 'bench' } as const
      await store.transact({ accountId: portal.account.id, by }, async (tx) => {
        for (let at = from; at < Math.min(count, from + CHUNK); at++) made.push(await insert(tx, at))
      })
    }
    return made
  }
  const site = await portal.create('/sites', { name: 'Main' })
  const groups = await write(GROUPS, async (tx, at) => tx.insert('groups', { name: `Group ${at}` }))
  const people = await write(PEOPLE, async (tx, at) => {
    const name = `Person ${at}`
    const person = await tx.insert('actors', {
      type: 'user',
      name,
      email: `person-${at}@example.org`,
      isDisabled: false,
    })
    await tx.insert('memberships', { groupId: groups[at % GROUPS]?.id ?? '', actorId: person.id })
    return person
  })
  await write(DEVICES, async (tx, at) =>
    tx.insert('clients', {
      actorId: people[at % PEOPLE]?.id ?? '',
      externalId: `device-${at}`,
      name: `Device ${at}`,
      publicKey: Buffer.alloc(32, String(at)).toString('base64'),
      pskBase: Buffer.alloc(32, 1).toString('base64'),
      ...(await tx.allocateAddresses()),
      deviceKey: null,
      isProven: false,
      provenAt: null,
      verifiedAt: null,
      acceptsUnproven: false,
      lastSeenAt: null,
      lastSeenVersion: '0.1.0',
    }),
  )
  const resources = await write(RESOURCES, async (tx, at) =>
    tx.insert('resources', {
      siteId: site.id,
      name: `Resource ${at}`,
      type: 'dns',
      address: `r${at}.example.org`,
      addressDescription: null,
      filters: [],
      ipStack: 'dual',
    }),
  )
  await write(POLICIES, async (tx, at) =>
    tx.insert('policies', {
      groupId: groups[at % GROUPS]?.id ?? '',
      resourceId: resources[Math.floor(at / GROUPS) * 10 + (at % 10)]?.id ?? '',
      description: null,
      conditions: [{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24'] } }],
      isDisabled: false,
      mode: 'enforced',
    }),
  )
  await store.close()
  return { person: people[0]?.id ?? '', resource: resources[0]?.id ?? '' }
}
