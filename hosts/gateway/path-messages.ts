import { MAX_PATHS_TO_CLIENTS } from '../../core/control/gateway-messages.ts'
import type { ToPortal } from '../../core/control/messages.ts'
import type { PathToPeer } from '../peer/path-reports.ts'
import { reportedPaths } from '../peer/reported-paths.ts'

/** Returns the paths to a gateway's clients that there are: a client that is away has none, and is no news. */
export const pathsToClients = (
  gateway: Parameters<typeof reportedPaths>[1] & { clientIds: readonly string[] },
): PathToPeer[] => reportedPaths(gateway.clientIds, gateway).filter(({ kind }) => kind !== 'none')

/** Tells a portal of paths to clients, in as many messages as that takes. */
export const pathMessages = (changed: readonly PathToPeer[]): ToPortal<'gateway'>[] => {
  const messages: ToPortal<'gateway'>[] = []
  for (let at = 0; at < changed.length; at += MAX_PATHS_TO_CLIENTS) {
    const some = changed.slice(at, at + MAX_PATHS_TO_CLIENTS)
    const paths = some.map(({ peer, ...path }) => ({ client_id: peer, ...path }))
    messages.push({ event: 'gatewayPaths', payload: { paths } })
  }
  return messages
}
