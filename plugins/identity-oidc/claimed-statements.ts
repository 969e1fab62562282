import { unixTime, type Authentication, type Identity, type JsonValue, type UnixTime } from 'portreeve'
import type { Settings } from './config.ts'

type Claims = Readonly<Record<string, unknown>>

/** Statements of a provider beside who the person is. */
export interface ClaimedStatements extends Pick<Identity, 'groups' | 'claims' | 'authentication'> {
  /** Names of the claims that are too long, or no groups, and were left out: nobody knows them then. */
  leftOut: readonly string[]
}

/** Maximum sizes of what the portal takes; see `Identity`. */
const MAX_BYTES = 8_000
const MAX_GROUPS = 1_000
const MAX_GROUP_CHARACTERS = 256
const MAX_METHODS = 20

/** Whether claims that the settings name are missing in the ID token, so that the userinfo endpoint must be asked. */
export const lacksStatements = (idToken: Claims, settings: Settings): boolean =>
  namesOf(settings).some((name) => idToken[name] === undefined)

/**
 * Returns groups, claims and authentication in the claims of an ID token and of the userinfo endpoint (`told`): only those that the
 * settings name. Groups or claims that are too long are left out altogether, as a part of them would say what is not so.
 */
export const statementsOf = (idToken: Claims, told: Claims, settings: Settings): ClaimedStatements => {
  const claimed = (name: string): unknown => ownOf(idToken, name) ?? ownOf(told, name)
  const { groups_claim: groupsClaim } = settings
  const listed = groupsClaim === undefined ? undefined : claimed(groupsClaim)
  const groups = listed === undefined ? undefined : groupsIn(listed)
  const found = settings.claims.map((name) => [name, claimed(name)] as const).filter(([, value]) => value !== undefined)
  const claims = found.length === 0 ? undefined : (Object.fromEntries(found) as Record<string, JsonValue>)
  const hasGroups = groups !== undefined && sizeOf(groups) <= MAX_BYTES
  const hasClaims = claims !== undefined && sizeOf(claims) <= MAX_BYTES - (hasGroups ? sizeOf(groups) : 0)
  const authentication = authenticationIn(idToken)
  return {
    ...(hasGroups ? { groups } : {}),
    ...(hasClaims ? { claims } : {}),
    ...(Object.keys(authentication).length === 0 ? {} : { authentication }),
    leftOut: [
      ...(groupsClaim !== undefined && listed !== undefined && !hasGroups ? [groupsClaim] : []),
      ...(claims === undefined || hasClaims ? [] : Object.keys(claims)),
    ],
  }
}

const sizeOf = (value: unknown): number => (value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value)))

const namesOf = ({ groups_claim: groupsClaim, claims }: Settings): string[] => [
  ...(groupsClaim === undefined ? [] : [groupsClaim]),
  ...claims,
]

const ownOf = (claims: Claims, name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined)

const groupsIn = (value: unknown): readonly string[] | undefined => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  const isGroup = (each: unknown): each is string =>
    typeof each === 'string' && each !== '' && each.length <= MAX_GROUP_CHARACTERS
  return list.length <= MAX_GROUPS && list.every(isGroup) ? list : undefined
}

/** Reads time and methods of the authentication: `auth_time` (OpenID Connect Core 1.0 §2) and `amr` (RFC 8176). */
const authenticationIn = ({ auth_time: time, amr }: Claims): Authentication => {
  const at = timeIn(time)
  const isMethod = (each: unknown): each is string => typeof each === 'string' && each !== '' && each.length <= 100
  const methods = Array.isArray(amr) && amr.length <= MAX_METHODS && amr.every(isMethod) ? amr : undefined
  return { ...(at === undefined ? {} : { at }), ...(methods === undefined ? {} : { methods }) }
}

const timeIn = (seconds: unknown): UnixTime | undefined =>
  typeof seconds === 'number' && seconds >= 0 && Number.isSafeInteger(Math.floor(seconds * 1_000))
    ? unixTime(Math.floor(seconds * 1_000))
    : undefined
