import type { GatewayMachine, Presence } from '../decide/presence.ts'
import { problemsOf } from '../decide/site-gateways.ts'
import type { View } from '../decide/view.ts'

/** Counts of devices and gateways, from the rows in memory. */
export interface Census {
  devicesOf: (actorId: string) => number
  devicesIn: (accountId: string) => number
  gatewaysOf: (siteId: string) => number
  /** Whether a client or gateway is connected. */
  isConnected: (id: string) => boolean
  /** Returns what is known of a connected gateway's machine; undefined if the gateway is not connected. */
  machineOf: (gatewayId: string) => GatewayMachine | undefined
  /** Returns the ids of all connected clients and gateways, of all accounts. */
  connectedIds: () => readonly string[]
}

/** Returns counts of the devices and gateways in a view. */
export const censusOf = (view: View, presence: Presence): Census => ({
  devicesOf: (actorId) => view.clientsOf(actorId).size,
  devicesIn: (accountId) => view.clientsIn(accountId).size,
  gatewaysOf: (siteId) => view.gatewaysOf(siteId).size,
  isConnected: (id) => presence.clientConnection(id) !== undefined || presence.gatewayConnection(id) !== undefined,
  machineOf: (gatewayId) => {
    const gateway = presence.gateway(gatewayId)
    return gateway === undefined ? undefined : { load: gateway.load, problems: problemsOf(gateway, view) }
  },
  connectedIds: () => presence.connectedIds(),
})
