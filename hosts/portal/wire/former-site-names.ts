import type { ClientResource, FromPortal, Role } from '../../../core/control/messages.ts'

/**
 * Returns a message's payload with `gateway_groups` and `gateway_group_id` in place of `sites` and `site_id`: the only
 * names that clients released before 2026 read. Both names together would be an error to any client.
 */
export const withFormerSiteNames = <R extends Role>(message: FromPortal<R>): unknown => {
  const { event, payload }: FromPortal<Role> = message
  switch (event) {
    case 'init':
      return 'resources' in payload ? { ...payload, resources: payload.resources?.map(withGatewayGroups) } : payload
    case 'resourceCreatedOrUpdated':
      return withGatewayGroups(payload)
    case 'authorizationCreated': {
      const { site_id: gateway_group_id, ...others } = payload
      return { ...others, gateway_group_id }
    }
    default:
      return payload
  }
}

const withGatewayGroups = ({ sites: gateway_groups, ...others }: ClientResource): unknown => ({
  ...others,
  gateway_groups,
})
