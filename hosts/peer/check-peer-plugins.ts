import type { PointName } from '../../core/contract/contracts.ts'
import { TunnelTransports, UpstreamResolvers } from '../../core/contract/extension-point.ts'
import { chosenResolvers } from '../../core/plugin/chosen-resolvers.ts'
import type { ResolverEntry } from '../../core/config/resolver-entry.ts'
import { generatedKeys } from '../../core/plugin/generated-keys.ts'
import { Random } from '../../core/runtime/random.ts'
import { tunnelTransport } from './open-peer.ts'
import type { PeerContainer } from './peer-container.ts'

/**
 * Chooses what a peer uses of the plugins that it has loaded, as at its start. Returns a function that says why it does
 * not use an implementation; undefined for one that it uses.
 * @throws OperatorError that a peer would stop with
 */
export const checkPeerPlugins = (
  { container }: PeerContainer,
  { transport, resolvers }: { transport?: string | undefined; resolvers: readonly ResolverEntry[] },
): ((point: PointName, key: string) => string | undefined) => {
  const { key: chosen, value } = tunnelTransport(container, transport)
  generatedKeys(value, container.get(Random))
  chosenResolvers(container.get(UpstreamResolvers.token), resolvers)
  return (point, key) =>
    point === TunnelTransports.name && key !== chosen ? `the tunnel transport is ${chosen}` : undefined
}
