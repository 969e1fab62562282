import type { Endpoint } from './endpoint.ts'

/** Example of an operation's request body; undefined for operations without one. */
export const exampleOf = ({ method, path }: Pick<Endpoint, 'method' | 'path'>): object | undefined =>
  EXAMPLES[`${method} ${path}`]

const [SITE, GROUP, ACTOR, OTHER, RESOURCE, PROVIDER] = Array.from(
  { length: 6 },
  (_, index) => `018f4e5c-9a3b-4c1d-8e2f-5a6b7c8d9e0${index}`,
)
const CONDITIONS = [{ condition: 'remote-ip', settings: { ranges: ['192.0.2.0/24', '2001:db8::/32'] } }]
const TOKEN = { name: 'Berlin', expires_at: '2027-01-31T12:00:00Z' }

const EXAMPLES: Readonly<Record<string, object>> = {
  'PATCH /account': {
    name: 'Example',
    search_domain: 'corp.example.org',
    upstream_resolvers: [{ type: 'udp', settings: { address: '192.0.2.53' } }],
  },
  'POST /actors': { type: 'user', name: 'Ada', email: 'ada@example.org' },
  'PATCH /actors/:id': { is_disabled: true },
  'POST /access_file': {
    sites: [{ name: 'Berlin' }],
    resources: [{ name: 'Printers', type: 'cidr', address: '10.20.0.0/24', site: 'Berlin' }],
    actors: [{ name: 'Ada', email: 'ada@example.org' }],
    groups: [{ name: 'Engineers', members: ['ada@example.org'] }],
    policies: [{ group: 'Engineers', resource: 'Printers' }],
    tests: [{ expect: 'ada@example.org can reach 10.20.0.7:631' }],
  },
  'POST /bulk': {
    operations: [
      { method: 'POST', path: '/groups', body: { name: 'Designers' } },
      { method: 'PATCH', path: `/actors/${ACTOR}`, body: { is_disabled: true } },
    ],
  },
  'PATCH /clients/:id': { name: 'Laptop of Ada', is_verified: true },
  'PATCH /gateways/:id': { name: 'berlin-1' },
  'POST /groups': { name: 'Engineers' },
  'PATCH /groups/:id': { name: 'Engineers in Berlin' },
  'PUT /groups/:id/memberships': { actor_ids: [ACTOR, OTHER] },
  'PATCH /groups/:id/memberships': { add: [ACTOR], remove: [OTHER] },
  'POST /identities': {
    actor_id: ACTOR,
    identity_provider_id: PROVIDER,
    issuer: 'https://id.example.org',
    subject: '248289761001',
  },
  'PATCH /identities/:id': { actor_id: OTHER },
  'POST /identity_providers': {
    name: 'Example ID',
    type: 'oidc',
    settings: { issuer: 'https://id.example.org', client_id: 'portreeve', client_secret: 'a secret of the provider' },
    email_domains: ['example.org'],
  },
  'PATCH /identity_providers/:id': { is_default: true, session_lifetime_seconds: 28_800 },
  'POST /policies': {
    group_id: GROUP,
    resource_id: RESOURCE,
    description: 'Engineers from the office',
    conditions: CONDITIONS,
  },
  'PATCH /policies/:id': { mode: 'shadow' },
  'POST /policies/explain': { actor: 'ada@example.org', resource: 'wiki.example.org', port: 443 },
  'POST /policies/simulate': {
    changes: [
      { change: 'create_policy', policy: { group_id: GROUP, resource_id: RESOURCE, conditions: CONDITIONS } },
      { change: 'add_membership', group_id: GROUP, actor_id: ACTOR },
    ],
    remote_ip: '192.0.2.7',
  },
  'POST /resources': {
    name: 'Wiki',
    type: 'dns',
    address: 'wiki.example.org',
    site_id: SITE,
    filters: [{ protocol: 'tcp', ports: ['80', '443', '8000-8999'] }],
  },
  'PATCH /resources/:id': { filters: [{ protocol: 'tcp', ports: ['443'] }] },
  'POST /sites': { name: 'Berlin', selector: 'random' },
  'PATCH /sites/:id': { name: 'Berlin, Alexanderplatz' },
  'POST /sites/:id/gateway_tokens': TOKEN,
  'POST /gateways/:id/tokens': TOKEN,
  'POST /relay_tokens': TOKEN,
  'POST /gateways/:id/rotate_token': { overlap_seconds: 3_600 },
  'POST /actors/:id/client_tokens': TOKEN,
  'POST /actors/:id/api_tokens': { ...TOKEN, scopes: ['read', 'policies:write'] },
  'PATCH /tokens/:id': { name: 'Berlin, until the move' },
}
