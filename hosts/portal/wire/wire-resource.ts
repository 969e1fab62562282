import type { ClientResource, Filter, GatewayResource } from '../../../core/control/messages.ts'
import type { Resource, Site } from '../store/entities.ts'

/** Builds the description of a resource for clients. */
export const clientResource = (resource: Resource, site: Site): ClientResource => {
  const sites = [{ id: site.id, name: site.name }]
  const address = wireAddress(resource)
  if (address === undefined) return { id: resource.id, type: 'internet', can_be_disabled: true, sites }
  const about = {
    id: resource.id,
    name: resource.name,
    address,
    address_description: resource.addressDescription,
    sites,
    filters: wireFilters(resource),
  }
  return resource.type === 'dns' ? { type: 'dns', ...about, ip_stack: resource.ipStack } : { type: 'cidr', ...about }
}

/** Builds the description of a resource for gateways. */
export const gatewayResource = (resource: Resource): GatewayResource => {
  const address = wireAddress(resource)
  if (address === undefined) return { id: resource.id, type: 'internet' }
  const about = { id: resource.id, name: resource.name, address, filters: wireFilters(resource) }
  return resource.type === 'dns' ? { type: 'dns', ...about } : { type: 'cidr', ...about }
}

/**
 * Returns the address for the wire; undefined for the Internet resource. A single IP address becomes a network, because
 * peers refuse one without a prefix length.
 */
const wireAddress = ({ type, address }: Resource): string | undefined => {
  if (type === 'internet' || address === null) return undefined
  if (type === 'dns' || address.includes('/')) return address
  return address.includes(':') ? `${address}/128` : `${address}/32`
}

/** Converts a resource's filters to the wire's form. */
export const wireFilters = ({ filters }: Resource): Filter[] =>
  filters.flatMap(({ protocol, ports }): Filter[] => {
    if (protocol === 'icmp' || ports.length === 0) return [{ protocol }]
    return ports.map((range) => {
      const [first = '', last = first] = range.split('-')
      return { protocol, port_range_start: Number(first), port_range_end: Number(last) }
    })
  })
