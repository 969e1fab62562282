import type { PortalStart } from '../portal/config.ts'
import { createLogger } from '../runtime/index.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { asking, clientOf } from './portal-api.ts'
import type { SetupAnswers } from './setup-answers.ts'
import type { PlannedProvider } from './setup-files.ts'

/** First objects of an account, and the secrets that are shown this once. */
export interface FirstRows {
  account: { id: string; slug: string }
  site: string
  resource: string | undefined
  /** URL to register at the identity provider; undefined without one. */
  callbackUrl: string | undefined
  /** Token for gateways of the site. */
  gatewayToken: string
}

/** Group of the first admin. */
const GROUP = 'First people'

/**
 * Makes the account, its owner, an identity provider, a site, and a resource that the owner may use: by the portal's own
 * API, of a portal that runs in this process for so long, on a port of the loopback address.
 */
export const makeFirstRows = async (
  start: PortalStart,
  { account: slug, adminEmail, site, resource }: SetupAnswers,
  provider: PlannedProvider | undefined,
): Promise<FirstRows> => {
  const { initPortal, startPortal } = await import('../portal/main.ts')
  const logger = createLogger({ name: 'portal', level: 'error' })
  const { account, admin, token } = await initPortal({ ...start, logger, account: slug, adminEmail })
  const config = { ...start.config, listen: { host: '127.0.0.1', port: 0 }, stun: false, relay: false } as const
  const portal = await startPortal({ ...start, logger, config })
  try {
    const api = await clientOf({ url: portal.url, token: new Secret(token) })
    return await asking(async () => {
      const made = provider && (await api.call('POST /identity_providers', { body: { ...provider, is_default: true } }))
      const { id: siteId } = await api.call('POST /sites', { body: { name: site } })
      if (resource !== undefined) {
        const { type, address, port } = resource
        const filters = port === undefined ? [] : [{ protocol: 'tcp' as const, ports: [port] }]
        const body = { name: address, type, address, site_id: siteId, filters }
        const { id: resourceId } = await api.call('POST /resources', { body })
        const group = await api.call('POST /groups', { body: { name: GROUP } })
        await api.call('PATCH /groups/{id}/memberships', { path: { id: group.id }, body: { add: [admin.id] } })
        await api.call('POST /policies', { body: { group_id: group.id, resource_id: resourceId } })
      }
      const gateway = await api.call('POST /sites/{id}/gateway_tokens', {
        path: { id: siteId },
        body: { name: `Gateways of ${site}`.slice(0, 255) },
      })
      const { token: own } = await api.call('GET /me')
      // The owner makes further tokens on a page, or by `portreeve login`: none is left behind that nobody knows.
      if (own !== null) await api.call('DELETE /tokens/{id}', { path: { id: own.id } })
      return {
        account,
        site,
        resource: resource?.address,
        callbackUrl: made?.callback_url,
        gatewayToken: gateway.token,
      }
    })
  } finally {
    await portal.stop()
  }
}
