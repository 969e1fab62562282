import type { GatewayRow, Rows, SiteRow } from '../page/api-rows.ts'
import type { AdminForm, AdminPage, LivePart, View, Visit } from '../page/admin-parts.ts'
import { loadedRow } from '../form/load-row.ts'
import { shownTime } from '../../http/shown-time.ts'
import { unixTime } from '../../../../../core/runtime/time.ts'

/** Time after which the page says what to look at. */
const SILENCE_MS = 3 * 60_000

/** The panel that deploys a gateway: one command with the token, shown once, and steps that tick by themselves. */
export const deployPage: AdminPage = {
  path: '/sites/:id/deploy',
  needs: 'tokens:write',
  watches: ['gateways'],
  view: async (visit) => {
    const { row: site } = await loadedRow<SiteRow>('/sites')(visit)
    const since = Number(visit.query['since'] ?? '')
    const isPast = since > 0 && since <= visit.parts.clock.unix()
    return panel(visit, site, { since: isPast ? since : undefined, command: undefined })
  },
}

/** Makes the token, and shows the command with it. */
export const deployForm: AdminForm = {
  path: '/sites/:id/deploy',
  needs: 'tokens:write',
  act: async (visit) => {
    const { row: site } = await loadedRow<SiteRow>('/sites')(visit)
    const { parts, caller } = visit
    const since = parts.clock.unix()
    const outcome = await parts.api.call<{ token: string }>(caller, {
      method: 'POST',
      path: `/sites/${site.id}/gateway_tokens`,
      // It has no end: the gateway keeps it, and would be signed out with it.
      body: { name: `Gateway of ${site.name}`.slice(0, 255) },
    })
    if (!outcome.ok) throw outcome.problem
    return panel(visit, site, { since, command: commandOf(parts.publicUrl, outcome.body.token) })
  },
}

/** The token goes by the shell's own echo, so that it is in no list of processes. */
const commandOf = (publicUrl: string, token: string): string =>
  `echo ${token} | portreeve gateway setup --portal ${publicUrl}`

const panel = async (
  visit: Visit,
  site: SiteRow,
  { since, command }: { since: number | undefined; command: string | undefined },
): Promise<View> => {
  const { base, parts } = visit
  const here = `${base}/sites/${site.id}/deploy`
  const gateways = (await visit.get<Rows<GatewayRow>>('/gateways', { limit: '100' })).data.filter(
    ({ site_id: id, created_at: at }) => id === site.id && since !== undefined && Date.parse(at) >= since,
  )
  const came = gateways[0]
  const waited = since === undefined ? 0 : parts.clock.unix() - since
  const steps: LivePart = {
    id: 'steps',
    template: 'deploy-steps',
    data: {
      began: since !== undefined,
      madeAt: since === undefined ? undefined : shownTime(unixTime(since)),
      came:
        came === undefined
          ? undefined
          : { name: came.name, version: came.last_seen_version, isConnected: came.is_connected },
      isSilent: came === undefined && waited > SILENCE_MS,
      portal: parts.publicUrl,
      siteUrl: `${base}/sites/${site.id}`,
    },
  }
  return {
    template: 'deploy',
    title: `Deploy a gateway`,
    crumbs: [
      { text: 'Sites', url: `${base}/sites` },
      { text: site.name, url: `${base}/sites/${site.id}` },
    ],
    live: [steps],
    address: since === undefined ? here : `${here}?since=${since}`,
    data: { site: site.name, portal: parts.publicUrl, command, action: here },
  }
}
