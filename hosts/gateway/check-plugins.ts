import { UpstreamResolvers } from '../../core/contract/extension-point.ts'
import { checkedPlugins, type CheckedPlugins } from '../../core/plugin/checked-plugins.ts'
import { checkPeerPlugins } from '../peer/check-peer-plugins.ts'
import { buildContainer, type GatewayPlugins } from './container.ts'

/**
 * Loads the configuration's plugins as a gateway does, and starts nothing.
 * @param isOwn whether the configuration is a gateway's, which has all that a gateway cannot do without; it is by default
 * @throws OperatorError that a gateway would stop with
 */
export const checkGatewayPlugins = async (
  options: GatewayPlugins,
  { isOwn = true }: { isOwn?: boolean } = {},
): Promise<CheckedPlugins> => {
  const { resolvers } = options.config
  const peer = await buildContainer(options)
  if (!isOwn) return checkedPlugins('gateway', peer.installation, () => undefined)
  const reasonFor = checkPeerPlugins(peer, options.config)
  return checkedPlugins('gateway', peer.installation, (point, key) => {
    // A client asks those of the account as well; a gateway only its own.
    const isAsked = point !== UpstreamResolvers.name || resolvers.some(({ type }) => type === key)
    return isAsked ? reasonFor(point, key) : 'resolvers of the configuration does not name it'
  })
}
