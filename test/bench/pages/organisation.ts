import { join } from 'node:path'
import { toldRanges } from '../../../core/net/address-ranges.ts'
import { HOUR, unixTime, type UnixTime } from '../../../core/runtime/time.ts'
import type { Entities, EntityName } from '../../../hosts/portal/store/entities.ts'
import { insertAudit, type NewAuditRecord } from '../../../hosts/portal/store/audit-trail.ts'
import { openDialect } from '../../../hosts/portal/store/open-dialect.ts'
import { encodeRow } from '../../../hosts/portal/store/row-codec.ts'
import { searchCell } from '../../../hosts/portal/store/searched-text.ts'
import type { Draft, WritableName } from '../../../hosts/portal/store/store.ts'
import { addressesAt } from '../../../hosts/portal/store/tunnel-addresses.ts'
import { createClock, createLogger, createRandom } from '../../../hosts/runtime/index.ts'

export const PEOPLE = 2_000
export const DEVICES = 10_000
export const GROUPS = 100
export const SITES = 20
export const RESOURCES = 1_000
export const POLICIES = 10_000
const GROUPS_OF_A_PERSON = 5
/** Records of the audit trail: changes of rows, and decisions of the last day. */
const CHANGES = 20_000
const DECISIONS = 5_000

/** Ids of rows of each kind that the pages are asked for. */
export interface Organisation {
  person: string
  group: string
  /** Group with few members and policies: a picture of its access can be drawn. */
  smallGroup: string
  device: string
  site: string
  resource: string
  policy: string
}

/**
 * Writes the rows of a large organisation into the migrated database of a portal that does not run. They are written
 * in batches, past the outbox: a portal that starts reads all rows anyway.
 */
export const writeOrganisation = async (stateFolder: string, accountId: string): Promise<Organisation> => {
  const [clock, random] = [createClock(), createRandom()]
  const file = join(stateFolder, 'portal.sqlite')
  const logger = createLogger({ name: 'bench', level: 'warn' })
  const dialect = openDialect({ driver: 'sqlite', file }, { clock, random, logger })
  const now = clock.unix()
  try {
    const rows = new RowWriter({ accountId, now, insert: (name, batch) => dialect.knex(name).insert([...batch]) })
    const sites = await rows.write('sites', SITES, (at): Draft<'sites'> => ({
      name: `Site ${at}`,
      selector: 'random',
      selectorSettings: {},
    }))
    const ranges = toldRanges(undefined)
    await rows.write('gateways', 2 * SITES, (at): Draft<'gateways'> => ({
      siteId: of(sites, at),
      externalId: `gateway-${at}`,
      name: `Gateway ${at}`,
      publicKey: keyOf(DEVICES + at),
      pskBase: keyOf(0),
      ...addressesAt(DEVICES + 10 + at, ranges),
      isEphemeral: false,
      presentAt: null,
      lastSeenAt: now,
      lastSeenVersion: '0.1.0',
    }))
    const groups = await rows.write('groups', GROUPS, (at): Draft<'groups'> => ({ name: `Group ${at}` }))
    const people = await rows.write('actors', PEOPLE, (at): Draft<'actors'> => ({
      type: 'user',
      name: `Person ${at}`,
      email: `person-${at}@example.org`,
      isDisabled: at % 50 === 49,
    }))
    await rows.write('memberships', PEOPLE * GROUPS_OF_A_PERSON, (at): Draft<'memberships'> => ({
      actorId: of(people, at),
      groupId: of(groups, (at % PEOPLE) + Math.floor(at / PEOPLE) * 17),
    }))
    const devices = await rows.write('clients', DEVICES, (at): Draft<'clients'> => ({
      actorId: of(people, at),
      externalId: `device-${at}`,
      name: `Device ${at}`,
      publicKey: keyOf(at),
      pskBase: keyOf(0),
      ...addressesAt(at + 1, ranges),
      deviceKey: null,
      isProven: false,
      provenAt: null,
      verifiedAt: at % 3 === 0 ? now : null,
      acceptsUnproven: false,
      lastSeenAt: unixTime(now - at * 1_000),
      lastSeenVersion: '0.1.0',
    }))
    await rows.write('tokens', DEVICES, (at): Draft<'tokens'> => ({
      kind: 'client',
      name: `Device ${at}`,
      actorId: of(people, at),
      siteId: null,
      gatewayId: null,
      identityProviderId: null,
      signIn: null,
      salt: '',
      hash: '',
      scopes: null,
      makerId: null,
      isEmergency: false,
      expiresAt: unixTime(now + 24 * HOUR),
      lastUsedAt: now,
    }))
    const resources = await rows.write('resources', RESOURCES, (at): Draft<'resources'> => ({
      siteId: of(sites, at),
      name: `Service ${at}`,
      type: 'dns',
      address: `service-${at}.example.org`,
      addressDescription: null,
      filters: [{ protocol: 'tcp', ports: ['443'] }],
      ipStack: 'dual',
    }))
    const policies = await rows.write('policies', POLICIES, (at): Draft<'policies'> => ({
      groupId: of(groups, (at % RESOURCES) + Math.floor(at / RESOURCES) * 7),
      resourceId: of(resources, at),
      description: at % 2 === 0 ? `Policy ${at}` : null,
      conditions: CONDITIONS.slice(0, Math.floor(at / RESOURCES) % 3),
      isDisabled: at % 100 === 99,
      mode: at % 20 === 19 ? 'shadow' : 'enforced',
    }))
    const [smallGroup = ''] = await rows.write('groups', 1, (): Draft<'groups'> => ({ name: 'Board' }))
    await rows.write('memberships', 5, (at): Draft<'memberships'> => ({ actorId: of(people, at), groupId: smallGroup }))
    await rows.write('policies', 12, (at): Draft<'policies'> => ({
      groupId: smallGroup,
      resourceId: of(resources, at),
      description: null,
      conditions: CONDITIONS.slice(0, at % 3),
      isDisabled: false,
      mode: 'enforced',
    }))
    const records = [
      ...Array.from({ length: CHANGES }, (_, at): NewAuditRecord => ({
        id: rows.nextId(),
        accountId,
        createdAt: unixTime(now - 24 * HOUR - at * 60_000),
        kind: 'change',
        action: 'created',
        entity: 'clients',
        entityId: of(devices, at),
        actorId: of(people, at),
        by: { type: 'actor', actorId: of(people, at), via: 'session', remoteIp: '192.0.2.1' },
        details: { after: { name: `Device ${at}` } },
      })),
      ...Array.from({ length: DECISIONS }, (_, at): NewAuditRecord => ({
        id: rows.nextId(),
        accountId,
        createdAt: unixTime(now - at * 15_000),
        kind: 'decision',
        action: at % 10 === 0 ? 'denied' : 'granted',
        entity: 'resources',
        entityId: of(resources, at),
        actorId: of(people, at),
        by: { type: 'client', clientId: of(devices, at) },
        details: { reason: 'forbidden', actorId: of(people, at), resourceId: of(resources, at) },
      })),
    ]
    await dialect.knex.transaction(async (tx) => insertAudit(await dialect.statements(tx), records))
    return {
      person: of(people, 0),
      group: of(groups, 0),
      smallGroup,
      device: of(devices, 0),
      site: of(sites, 0),
      resource: of(resources, 0),
      policy: of(policies, 0),
    }
  } finally {
    await dialect.close()
  }
}

const CONDITIONS = [
  { condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24', '198.51.100.0/24', '2001:db8::/32'] } },
  {
    condition: 'time-window',
    settings: {
      timezone: 'Europe/Berlin',
      ranges: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }],
    },
  },
]

const of = (ids: readonly string[], at: number): string => ids[at % ids.length] ?? ''

/** Returns 32 bytes in base64 that differ by the number. */
const keyOf = (number: number): string => {
  const key = Buffer.alloc(32, 7)
  key.writeUInt32BE(number)
  return key.toString('base64')
}

/** Rows in one statement: SQLite bounds the terms of one. */
const BATCH = 100

class RowWriter {
  readonly #accountId: string
  readonly #now: UnixTime
  readonly #insert: (name: EntityName, rows: readonly object[]) => PromiseLike<unknown>
  #ids = 0

  constructor(given: {
    accountId: string
    now: UnixTime
    insert: (name: EntityName, rows: readonly object[]) => PromiseLike<unknown>
  }) {
    this.#accountId = given.accountId
    this.#now = given.now
    this.#insert = given.insert
  }

  /** Writes so many rows of a table; returns their ids. */
  async write<Name extends WritableName>(
    name: Name,
    count: number,
    draftOf: (at: number) => Draft<Name>,
  ): Promise<string[]> {
    const rows = Array.from({ length: count }, (_, at) => {
      const times = { createdAt: unixTime(this.#now - (count - at) * 1_000), updatedAt: this.#now }
      return {
        ...draftOf(at),
        id: this.nextId(),
        accountId: this.#accountId,
        ...times,
      } as Draft<Name> as Entities[Name]
    })
    for (let from = 0; from < rows.length; from += BATCH) {
      const batch = rows.slice(from, from + BATCH)
      await this.#insert(
        name,
        batch.map((row) => ({ ...encodeRow(name, row), ...searchCell(name, row) })),
      )
    }
    return rows.map(({ id }) => id)
  }

  nextId(): string {
    const digits = (++this.#ids).toString(16).padStart(12, '0')
    return `00000000-0000-7000-8000-${digits}`
  }
}
