import { checkedPlugins, type CheckedPlugins } from '../../core/plugin/checked-plugins.ts'
import { buildContainer, type PortalPlugins } from './container.ts'

/**
 * Loads the configuration's plugins as a portal does, and starts nothing.
 * @throws OperatorError that a portal would stop with
 */
export const checkPortalPlugins = async (options: PortalPlugins): Promise<CheckedPlugins> => {
  const { installation } = await buildContainer(options, { isOnlyChecked: true })
  const { extensions } = installation
  const read = new Set(
    [...extensions.values()]
      .flatMap((each) => [...each.values()])
      .flatMap(({ facts, candidateFacts }) => [...Object.values(facts), ...Object.values(candidateFacts)])
      .map(({ name }) => name),
  )
  return checkedPlugins('portal', installation, (point, key) => {
    const brings = extensions.get(point)?.get(key)?.brings
    if (brings === undefined || read.has(brings.fact.name)) return undefined
    return `no condition and no selector reads the fact ${brings.fact.name}`
  })
}
