import type { Presence } from '../decide/presence.ts'
import type { View } from '../decide/view.ts'

/** Numbers of devices and gateways, by the rows in memory. */
export interface Census {
  devicesOf: (actorId: string) => number
  devicesIn: (accountId: string) => number
  gatewaysOf: (siteId: string) => number
  /** Whether a client or gateway is connected. */
  isConnected: (id: string) => boolean
}

/** Counts the devices and gateways of a view. */
export const censusOf = (view: View, presence: Presence): Census => ({
  devicesOf: (actorId) => view.clientsOf(actorId).size,
  devicesIn: (accountId) => view.clientsIn(accountId).size,
  gatewaysOf: (siteId) => view.gatewaysOf(siteId).size,
  isConnected: (id) => presence.clientConnection(id) !== undefined || presence.gatewayConnection(id) !== undefined,
})
