import type { Call } from '../child/withdrawal-probe.ts'
import { TARGETS, type StandingLab } from './standing-lab.ts'

/** One removal of access, to be measured. */
export interface Removal {
  address: string
  call: () => Call | Promise<Call>
  /** Undoes a removal that ended the client; resolves with the token for the client's next start. */
  restore?: () => Promise<string>
}

/** A way to take access away: prepares so many removals, and afterwards deletes what is left of them. */
export interface Kind {
  what: string
  prepare: (lab: StandingLab, count: number) => Promise<Removal[]>
  tidy: (lab: StandingLab) => Promise<void>
}

interface Access {
  groupId: string
  resourceId: string
  policyId: string
}

/**
 * Makes a kind whose removals have a group, a resource and a policy each, all of one client: the client needs no
 * restart.
 */
const ofAccess = (what: string, call: (access: Access) => Call): Kind => ({
  what,
  prepare: async (lab, count) => {
    const addresses = TARGETS.slice(0, count)
    const groupIds = await lab.make(addresses.map((address) => post('groups', { name: address })))
    const join = { actor_ids: [lab.world.id('ada')] }
    await lab.call(...groupIds.map((id) => put(`groups/${id}/memberships`, join)))
    const site_id = lab.world.id('site')
    const resource = (address: string) => ({ type: 'ip', site_id, name: address, address, filters: [] })
    const resourceIds = await lab.make(addresses.map((address) => post('resources', resource(address))))
    const policyIds = await lab.make(
      groupIds.map((group_id, index) => post('policies', { group_id, resource_id: resourceIds[index] })),
    )
    return addresses.map((address, index) => {
      const ids = { groupId: groupIds[index] ?? '', resourceId: resourceIds[index] ?? '' }
      return { address, call: () => call({ ...ids, policyId: policyIds[index] ?? '' }) }
    })
  },
  tidy: async (lab) => {
    for (const collection of ['resources', 'groups']) {
      const left = (await listAll(lab, collection)).filter(({ name }) => TARGETS.includes(String(name)))
      await lab.call(...left.map(({ id }) => remove(`${collection}/${id}`)))
    }
  },
})

/** Makes a kind whose removals sign the client out: it starts again for the next one. */
const ofClient = (
  what: string,
  call: (lab: StandingLab) => Call | Promise<Call>,
  restore: (lab: StandingLab) => Promise<string>,
): Kind => ({
  what,
  prepare: async (lab, count) => {
    const [address = ''] = TARGETS
    const site_id = lab.world.id('site')
    const [resource_id] = await lab.make([post('resources', { type: 'ip', site_id, name: address, address })])
    await lab.make([post('policies', { group_id: lab.world.id('engineers'), resource_id })])
    return Array.from({ length: count }, () => ({ address, call: () => call(lab), restore: () => restore(lab) }))
  },
  tidy: async (lab) => {
    const left = (await listAll(lab, 'resources')).filter(({ name }) => TARGETS.includes(String(name)))
    await lab.call(...left.map(({ id }) => remove(`resources/${id}`)))
  },
})

type Row = Record<string, unknown> & { id: string }

const listAll = async (lab: StandingLab, collection: string): Promise<Row[]> => {
  const rows: Row[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const path = `${collection}?limit=100${cursor === undefined ? '' : `&cursor=${cursor}`}`
    const [page] = (await lab.call(get(path))) as [{ data: Row[]; next_cursor: string | null }]
    rows.push(...page.data)
    cursor = page.next_cursor
  }
  return rows
}

const get = (path: string): Call => ({ method: 'GET', path })
const post = (path: string, body: object): Call => ({ method: 'POST', path, body })
const put = (path: string, body: object): Call => ({ method: 'PUT', path, body })
const patch = (path: string, body: object): Call => ({ method: 'PATCH', path, body })
const remove = (path: string): Call => ({ method: 'DELETE', path: `${path}?cascade=true` })

const ELSEWHERE = [{ condition: 'remote-ip', settings: { ranges: ['198.51.100.0/24'] } }]

const switched = (isDisabled: boolean) => ({ is_disabled: isDisabled })
const ada = (lab: StandingLab) => `actors/${lab.world.id('ada')}`
const provider = (lab: StandingLab) => `identity_providers/${lab.world.id('provider')}`

const freshToken = async (lab: StandingLab): Promise<Row & { token: string }> => {
  const [row] = await lab.call(post(`${ada(lab)}/client_tokens`, { name: 'bench' }))
  return row as Row & { token: string }
}

const enableAgain = async (lab: StandingLab, path: string): Promise<string> => {
  await lab.call(patch(path, switched(false)))
  return lab.ownToken
}

const deviceOf = async (lab: StandingLab): Promise<Call> =>
  remove(`clients/${(await listAll(lab, 'clients'))[0]?.id ?? ''}`)

/** Call that deletes the client's token in use; the first one came from the sign-in. */
const tokenInUse = async (lab: StandingLab): Promise<Call> => {
  const [latest] = (await listAll(lab, 'tokens'))
    .filter(({ kind }) => kind === 'client')
    .toSorted((a, b) => String(b['created_at']).localeCompare(String(a['created_at'])))
  return remove(`tokens/${latest?.id ?? ''}`)
}

/**
 * Every way to take access away. `token` goes last, as it uses up the client's first token. Withdrawing the
 * authorization itself is missing: the client requests again, and has a new one before a packet is lost.
 */
export const KINDS: Readonly<Record<string, Kind>> = {
  membership: ofAccess('the actor leaves the group', ({ groupId }) =>
    put(`groups/${groupId}/memberships`, { actor_ids: [] }),
  ),
  group: ofAccess('the group is deleted', ({ groupId }) => remove(`groups/${groupId}`)),
  policy: ofAccess('the policy is deleted', ({ policyId }) => remove(`policies/${policyId}`)),
  'policy-disabled': ofAccess('the policy is disabled', ({ policyId }) =>
    patch(`policies/${policyId}`, switched(true)),
  ),
  'policy-shadow': ofAccess('the policy goes into shadow mode', ({ policyId }) =>
    patch(`policies/${policyId}`, { mode: 'shadow' }),
  ),
  condition: ofAccess('the policy gets a condition that does not hold', ({ policyId }) =>
    patch(`policies/${policyId}`, { conditions: ELSEWHERE }),
  ),
  resource: ofAccess('the resource is deleted', ({ resourceId }) => remove(`resources/${resourceId}`)),
  provider: ofClient(
    'the identity provider of the sign-in is disabled',
    (lab) => patch(provider(lab), switched(true)),
    (lab) => enableAgain(lab, provider(lab)),
  ),
  actor: ofClient(
    'the actor is disabled',
    (lab) => patch(ada(lab), switched(true)),
    (lab) => enableAgain(lab, ada(lab)),
  ),
  device: ofClient('the device is deleted', deviceOf, (lab) => Promise.resolve(lab.ownToken)),
  token: ofClient('the token in use is revoked', tokenInUse, async (lab) => (await freshToken(lab)).token),
}
