import { OperatorError } from '../../core/config/operator-error.ts'
import {
  GatewaySelectors,
  IdentityProviders,
  PolicyConditions,
  ResolverSettings,
  type Extension,
} from '../../core/contract/extension-point.ts'
import { checkedPlugins, type CheckedPlugins } from '../../core/plugin/checked-plugins.ts'
import type { Installation } from '../../core/plugin/install-plugins.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { Random } from '../../core/runtime/random.ts'
import type { PortalStart } from './config.ts'
import { buildContainer, type PortalPlugins } from './container.ts'
import { openRows, requireDatabase } from './open-rows.ts'
import { PluginNeeds } from './settings/plugin-needs.ts'

/**
 * Loads the configuration's plugins as a portal does, and starts nothing.
 * @throws OperatorError that a portal would stop with
 */
export const checkPortalPlugins = async (options: PortalPlugins): Promise<CheckedPlugins> => {
  const { installation } = await buildContainer(options, { isOnlyChecked: true })
  return checkedPlugins('portal', installation, unreadFacts(installation))
}

/**
 * Loads the configuration's plugins as a portal does, and reads the rows of its database, which is brought up to date first as at a
 * start.
 * @throws OperatorError that a portal would stop with; PLUGIN_MISSING where rows need what no plugin provides: the portal
 * would run and not be ready
 */
export const checkPortalRows = async (options: PortalStart): Promise<CheckedPlugins> => {
  await requireDatabase(options.config)
  const { container, installation } = await buildContainer(options, { isOnlyChecked: true })
  const ports = { clock: container.get(Clock), random: container.get(Random), logger: container.get(Logger) }
  const { store } = await openRows({ ...options, ...ports })
  try {
    const needs = new PluginNeeds({
      store,
      providers: container.get(IdentityProviders.token),
      conditions: container.get(PolicyConditions.token),
      selectors: container.get(GatewaySelectors.token),
      resolvers: container.get(ResolverSettings.token),
    })
    await needs.start()
    const missing = needs.missing()
    if (missing.length > 0) {
      throw new OperatorError(
        'PLUGIN_MISSING',
        `rows of the database need what no plugin provides: ${missing.join(', ')}.`,
        'Add their plugins to plugins, or the portal will not be ready.',
      )
    }
    const unread = unreadFacts(installation)
    return checkedPlugins('portal', installation, (point, key) =>
      needs.isNeeded({ point, key }) === false ? 'no row of the database names it' : unread(point, key),
    )
  } finally {
    await store.close()
  }
}

/** Returns a function that says of a fact source that nobody reads its fact. */
const unreadFacts = ({ extensions }: Installation): Parameters<typeof checkedPlugins>[2] => {
  const read = new Set([...extensions.values()].flatMap((each) => [...each.values()]).flatMap(readBy))
  return (point, key) => {
    const brings = extensions.get(point)?.get(key)?.brings
    if (brings === undefined || read.has(brings.fact.name)) return undefined
    return `no condition and no selector reads the fact ${brings.fact.name}`
  }
}

const readBy = ({ facts, candidateFacts }: Extension<unknown>): string[] =>
  [...Object.values(facts), ...Object.values(candidateFacts)].map(({ name }) => name)
