import type { Endpoint } from './endpoint.ts'

/** The chapters of the API's description, in the order in which an account is set up. */
export const TAGS = [
  { name: 'account', description: 'The account that the token belongs to' },
  { name: 'sites', description: 'Places with gateways' },
  { name: 'gateways', description: 'What serves resources; a gateway comes by itself, with a token of its site' },
  { name: 'resources', description: 'What may be reached' },
  { name: 'actors', description: 'People and service accounts' },
  { name: 'groups', description: 'Groups of actors, and who is in them' },
  { name: 'policies', description: 'Which group may use which resource, under which conditions' },
  { name: 'explain', description: 'Why somebody may have something, or may not' },
  { name: 'identity_providers', description: 'Where people sign in' },
  { name: 'identities', description: 'As whom an actor is known to a provider' },
  { name: 'clients', description: 'Devices of people; a client comes by itself, when its owner signs in' },
  { name: 'tokens', description: 'What gateways, clients and programs show the portal' },
  { name: 'authorizations', description: 'Who may use what at the moment' },
  { name: 'audit_log', description: 'What happened, by whom and from where' },
] as const

/** The chapter of an operation: tokens have one of their own, wherever they are made. */
export const tagOf = ({ path }: Pick<Endpoint, 'path'>): string =>
  /token/.test(path) ? 'tokens' : (path.split('/')[1] ?? '')
