import { checkedPlugins, type CheckedPlugins } from '../../core/plugin/checked-plugins.ts'
import { OWN_SOCKET_MARK } from '../../core/runtime/network-configuration.ts'
import { checkPeerPlugins } from '../peer/check-peer-plugins.ts'
import { createDnsExchange } from '../runtime/index.ts'
import { buildContainer, type ClientPlugins } from './container.ts'

/**
 * Loads the configuration's plugins as a client does, and starts nothing, so that errors show before somebody signs in.
 * @param isOwn whether the configuration is a client's, which has all that a client cannot do without; it is by default
 * @throws OperatorError that a client would stop with
 */
export const checkClientPlugins = async (
  options: ClientPlugins,
  { isOwn = true }: { isOwn?: boolean } = {},
): Promise<CheckedPlugins> => {
  const peer = await buildContainer(options, { markFor: () => OWN_SOCKET_MARK, exchange: createDnsExchange() })
  const reasonFor = isOwn ? checkPeerPlugins(peer, options.config) : () => undefined
  return checkedPlugins('client', peer.installation, reasonFor)
}
