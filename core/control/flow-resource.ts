import type { FlowResource } from '../flow/flow-resource.ts'
import type { ClientResource } from './client-messages.ts'
import type { GatewayResource } from './gateway-messages.ts'
import { portFilters } from './port-filters.ts'

/**
 * Translates a resource from the wire for the packet engine. Shared by client and gateway, as both must judge packets
 * alike (T5).
 */
export const flowResource = (resource: ClientResource | GatewayResource): FlowResource => {
  if (resource.type === 'internet') return { id: resource.id, type: 'internet', address: '', filters: [] }
  const { id, type, address, filters = [] } = resource
  const ipStack = 'ip_stack' in resource ? resource.ip_stack : undefined
  return { id, type, address, filters: portFilters(filters), ...(ipStack ? { ipStack } : {}) }
}
