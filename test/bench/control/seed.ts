import { rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unixTime } from '../../../core/runtime/time.ts'
import { PortalConfig } from '../../../hosts/portal/config.ts'
import { initPortal } from '../../../hosts/portal/main.ts'
import { openRows } from '../../../hosts/portal/open-rows.ts'
import { createPluginModules } from '../../../hosts/runtime/plugin-modules.ts'
import { createClock, createLogger, createRandom } from '../../../hosts/runtime/index.ts'
import { ACTORS, BLOCK, GATEWAYS, GROUPS, RESOURCES } from './shape.ts'
import type { Seeded } from './messages.ts'

/** Folder with the state of a portal whose account has all rows but those of clients and gateways. */
export interface SeededState {
  folder: string
  seeded: Seeded
  remove: () => Promise<void>
}

/** Writes the rows of the account into a new database, without a portal. */
export const seedState = async (): Promise<SeededState> => {
  const folder = await mkdtemp(join(tmpdir(), 'portreeve-control-'))
  const config = PortalConfig.parse({ state_folder: folder, log_level: 'warn' })
  const logger = createLogger({ name: 'seed', level: 'warn' })
  const [clock, random] = [createClock(), createRandom()]
  const { account, token } = await initPortal({
    config,
    modules: createPluginModules(join(folder, 'portal.yaml')),
    version: '0.0.0',
    account: 'example',
    adminEmail: 'admin@example.org',
    logger,
  })
  const { store, tokens } = await openRows({ config, clock, random, logger })
  const accountId = account.id
  const seeded: Seeded = {
    apiToken: token,
    clientTokens: [],
    gatewayTokens: [],
    resourceIds: [],
    groupIds: [],
    siteIds: [],
  }
  try {
    await store.transact({ accountId, by: { type: 'system', part: 'bench' } }, async (tx) => {
      for (let at = 0; at < GATEWAYS; at++) {
        const { id } = await tx.insert('sites', { name: `Site ${at}`, selector: 'random', selectorSettings: {} })
        seeded.siteIds.push(id)
        const gateway = { kind: 'gateway', name: `gateway ${at}`, siteId: id, expiresAt: null } as const
        seeded.gatewayTokens.push((await tokens.mint(tx, accountId, gateway)).text)
      }
      for (let at = 0; at < GROUPS; at++) seeded.groupIds.push((await tx.insert('groups', { name: `Group ${at}` })).id)
      for (let at = 0; at < RESOURCES; at++) {
        const { id } = await tx.insert('resources', {
          siteId: seeded.siteIds[at % GATEWAYS] ?? '',
          name: `Service ${at}`,
          type: 'dns',
          address: `service-${at}.example.org`,
          addressDescription: null,
          filters: [],
          ipStack: 'dual',
        })
        seeded.resourceIds.push(id)
        const groupId = seeded.groupIds[Math.floor(at / (RESOURCES / GROUPS))] ?? ''
        const policy = { groupId, resourceId: id, description: null, conditions: [], isDisabled: false }
        await tx.insert('policies', { ...policy, mode: 'enforced' })
      }
      for (let at = 0; at < ACTORS; at++) {
        const { id: actorId } = await tx.insert('actors', {
          type: 'user',
          name: `Person ${at}`,
          email: null,
          isDisabled: false,
        })
        const block = Math.floor(at / BLOCK.actors)
        for (const groupId of seeded.groupIds.slice(block * BLOCK.groups, (block + 1) * BLOCK.groups))
          await tx.insert('memberships', { groupId, actorId })
        const expiresAt = unixTime(clock.unix() + 86_400_000)
        const devices = { kind: 'client', name: 'devices', actorId, expiresAt } as const
        seeded.clientTokens.push((await tokens.mint(tx, accountId, devices)).text)
      }
    })
  } finally {
    await store.close()
  }
  return { folder, seeded, remove: () => rm(folder, { recursive: true, force: true }) }
}
