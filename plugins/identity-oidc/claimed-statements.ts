import {
  fittingStatements,
  STATEMENT_LIMITS,
  unixTime,
  type Authentication,
  type Identity,
  type UnixTime,
} from 'portreeve'
import type { Settings } from './config.ts'

type Claims = Readonly<Record<string, unknown>>

/** Statements of a provider beside who the person is. */
export interface ClaimedStatements extends Pick<Identity, 'groups' | 'claims' | 'authentication'> {
  /** Names of the claims that are too long, or no groups, and were left out: nobody knows them then. */
  leftOut: readonly string[]
}

/** Whether claims that the settings name are missing in the ID token, so that the userinfo endpoint must be asked. */
export const lacksStatements = (idToken: Claims, { groups_claim: groupsClaim, claims }: Settings): boolean =>
  [...(groupsClaim === undefined ? [] : [groupsClaim]), ...claims].some((name) => idToken[name] === undefined)

/**
 * Returns groups, claims and authentication in the claims of an ID token and of the userinfo endpoint (`told`): only those that the
 * settings name.
 */
export const statementsOf = (idToken: Claims, told: Claims, settings: Settings): ClaimedStatements => {
  const claimed = (name: string): unknown => ownOf(idToken, name) ?? ownOf(told, name)
  const { groups_claim: groupsClaim } = settings
  const claims = Object.fromEntries(settings.claims.map((name) => [name, claimed(name)]))
  const groups = groupsClaim === undefined ? undefined : claimed(groupsClaim)
  const { leftOut, ...statements } = fittingStatements({ groups, claims })
  const authentication = authenticationIn(idToken)
  return {
    ...statements,
    ...(Object.keys(authentication).length === 0 ? {} : { authentication }),
    leftOut: leftOut.flatMap((what) => (what === 'groups' ? (groupsClaim ?? []) : settings.claims)),
  }
}

const ownOf = (claims: Claims, name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined)

/** Reads time and methods of the authentication: `auth_time` (OpenID Connect Core 1.0 §2) and `amr` (RFC 8176). */
const authenticationIn = ({ auth_time: time, amr }: Claims): Authentication => {
  const at = timeIn(time)
  const { methods: most, methodCharacters } = STATEMENT_LIMITS
  const isMethod = (each: unknown): each is string =>
    typeof each === 'string' && each !== '' && each.length <= methodCharacters
  const methods = Array.isArray(amr) && amr.length <= most && amr.every(isMethod) ? amr : undefined
  return { ...(at === undefined ? {} : { at }), ...(methods === undefined ? {} : { methods }) }
}

const timeIn = (seconds: unknown): UnixTime | undefined =>
  typeof seconds === 'number' && seconds >= 0 && Number.isSafeInteger(Math.floor(seconds * 1_000))
    ? unixTime(Math.floor(seconds * 1_000))
    : undefined
