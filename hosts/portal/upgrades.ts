import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'

/** Handler of WebSocket upgrades. */
export type HandleUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>

/** Handler of the upgrades at some paths. */
export interface UpgradeRoute {
  /** Whether a path, without its query, is one of these. */
  owns: (path: string) => boolean
  upgrade: HandleUpgrade
}

/** Hands a server's WebSocket upgrades to the first route that owns their path, and all others to `otherwise`. */
export const handleUpgrades = (server: Server, routes: readonly UpgradeRoute[], otherwise: HandleUpgrade): void => {
  server.on('upgrade', (request, socket, head) => {
    const [path = ''] = (request.url ?? '').split('?', 1)
    const { upgrade = otherwise } = routes.find(({ owns }) => owns(path)) ?? {}
    void upgrade(request, socket, head)
  })
}
