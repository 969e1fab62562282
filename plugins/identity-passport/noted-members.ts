import type { JsonValue, NotedClaim } from 'portreeve'
import type { StrategyConfig } from './config.ts'
import type { PersonSources } from './profile-identity.ts'

/** Members that are not about the person: of the token itself, and Passport's copies of what the service answered. */
const LEFT_OUT = new Set([
  'aud',
  'azp',
  'exp',
  'iat',
  'nbf',
  'jti',
  'nonce',
  'at_hash',
  '_raw',
  '_json',
  '_accessLevel',
])

/** Names of members that strategies, or the operator's `verify`, may keep tokens in. */
const SECRET = /token|secret|password|credential/i

/** Returns all members that are known about a person, by the first source that has them, with what each becomes. */
export const notedMembers = (
  { idToken, userinfo, profile }: PersonSources,
  { profile: names }: StrategyConfig,
): NotedClaim[] => {
  const raw = profile['_json']
  const sources = [idToken, userinfo, typeof raw === 'object' && raw !== null ? raw : undefined, profile]
  const found = new Map<string, JsonValue>()
  for (const source of sources)
    for (const [name, value] of Object.entries(source ?? {}))
      if (!LEFT_OUT.has(name) && !SECRET.test(name) && !found.has(name) && value !== null && isData(value))
        found.set(name, value)
  const becomes = new Map<string, NotedClaim['becomes']>([
    ['iss', 'issuer'],
    ['name', 'name'],
    ['displayName', 'name'],
    ['auth_time', 'authentication'],
    ['amr', 'authentication'],
    [idToken === undefined ? (names.subject ?? 'id') : 'sub', 'subject'],
    [names.name, 'name'],
    [names.email ?? (found.has('email') ? 'email' : 'emails'), 'email'],
    [names.email_verified, 'emailVerified'],
    ...names.claims.map((name) => [name, 'claims'] as const),
    ...(names.groups === undefined ? [] : [[names.groups, 'groups'] as const]),
  ])
  return [...found].map(([name, value]) => {
    const member = becomes.get(name)
    return { name, value, ...(member === undefined ? {} : { becomes: member }) }
  })
}

/** Whether a member of a profile is plain data: strategies also leave functions there. */
const isData = (value: unknown): value is JsonValue => ['string', 'number', 'boolean', 'object'].includes(typeof value)
