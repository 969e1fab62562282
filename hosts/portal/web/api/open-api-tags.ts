import type { Endpoint } from './endpoint.ts'

/** Tags of the API's description, in the order in which an account is set up. */
export const TAGS = [
  { name: 'account', description: 'The account that the token belongs to' },
  { name: 'me', description: 'The token of the call' },
  { name: 'sites', description: 'Places with gateways' },
  { name: 'gateways', description: 'Gateways serve resources; each registers itself with a token of its site' },
  { name: 'relays', description: 'Relays carry packets between peers that have no direct path' },
  { name: 'resources', description: 'Names, addresses and networks that may be reached' },
  { name: 'actors', description: 'People and service accounts' },
  { name: 'groups', description: 'Groups of actors, and who is in them' },
  { name: 'policies', description: 'Which group may use which resource, under which conditions' },
  { name: 'explain', description: 'Why an actor may use a resource, or may not' },
  { name: 'identity_providers', description: 'Where people sign in' },
  { name: 'identities', description: 'Identities under which providers know actors' },
  { name: 'clients', description: 'Devices of people; a client registers itself when its owner signs in' },
  { name: 'tokens', description: 'Tokens with which gateways, clients, relays and programs authenticate' },
  { name: 'authorizations', description: 'Who may use what at the moment' },
  {
    name: 'plugins',
    description: 'What the portal has loaded: providers, conditions, fact sources, selectors, resolvers, relays',
  },
  { name: 'access_file', description: 'The configuration of the account as one document' },
  { name: 'bulk', description: 'Many changes at once: all, or none' },
  { name: 'audit_log', description: 'Record of changes, decisions, sign-ins and refused calls' },
] as const

/** Returns the tag of an operation; everything about tokens has the tag `tokens`, wherever its path begins. */
export const tagOf = ({ path }: Pick<Endpoint, 'path'>): string =>
  /token/.test(path) ? 'tokens' : (path.split('/')[1] ?? '')
