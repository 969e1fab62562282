import { domainOfEmail, readEmailDomain, unixTime, type Authentication, type Identity, type UnixTime } from 'portreeve'
import type { StrategyConfig } from './config.ts'

type Members = Readonly<Record<string, unknown>>

/** Statements about a person, of which the first that has a member counts. */
export interface PersonSources {
  /** Claims of a verified ID token; absent without one. */
  idToken?: Members & { iss: string; sub: string }
  /** Answer of the userinfo endpoint. */
  userinfo?: Members
  /** Person as the strategy, or the operator's `verify`, gave her. */
  profile: Members
}

/** Reason why nobody is identified although the strategy reported a success. */
export type NoIdentity = 'nobody_named' | 'subject_mismatch'

/** Identity without groups, claims and authentication. */
export type BareIdentity = Pick<Identity, 'issuer' | 'subject' | 'name' | 'email' | 'emailVerified' | 'emailDoubt'>

/** Makes an identity of what is known about a person, or says why there is none. */
export const identityIn = (
  sources: PersonSources,
  { issuer, profile: names, trusted_email_domains: trusted }: StrategyConfig,
): BareIdentity | NoIdentity => {
  const { idToken } = sources
  const found = memberIn(sources)
  const others = [sources.userinfo?.['sub'], idToken === undefined ? undefined : sources.profile['id']]
  // OpenID Connect Core 1.0 §5.3.2: what is told about another person is not believed.
  if (idToken !== undefined && others.some((other) => other !== undefined && other !== idToken.sub))
    return 'subject_mismatch'
  const named =
    names.subject === undefined ? (sources.profile['id'] ?? sources.userinfo?.['sub']) : found(names.subject)
  const subject = idToken?.sub ?? textOf(named)
  if (subject === undefined || subject === '') return 'nobody_named'
  const name = shortText(found(names.name)) ?? shortText(found('name'))
  const address = addressIn(sources, names)
  const emailVerified = address !== undefined && (address.isVerified ?? isTrusted(address.email, trusted))
  return {
    issuer: idToken?.iss ?? issuer ?? '',
    subject,
    ...(name === undefined ? {} : { name }),
    ...(address === undefined ? {} : { email: address.email }),
    emailVerified,
    ...(emailVerified ? {} : { emailDoubt: doubtOf(address, names.email_verified) }),
  }
}

/** Returns a function that finds a member in the first source that has it. */
export const memberIn =
  ({ idToken, userinfo, profile }: PersonSources) =>
  (name: string): unknown => {
    const raw = profile['_json']
    for (const source of [idToken, userinfo, raw, profile]) {
      if (typeof source !== 'object' || source === null || !Object.hasOwn(source, name)) continue
      const value = (source as Members)[name]
      if (value !== undefined && value !== null) return value
    }
    return undefined
  }

/** Reads time and methods of the authentication from an ID token: `auth_time`, `amr`. */
export const authenticationIn = ({ auth_time: time, amr }: Members): Authentication | undefined => {
  const at = typeof time === 'number' && time >= 0 ? unixTime(Math.floor(time * 1_000)) : undefined
  const methods = Array.isArray(amr) && amr.every((each) => typeof each === 'string') ? amr.slice(0, 20) : undefined
  if (at === undefined && methods === undefined) return undefined
  return { ...(at === undefined ? {} : { at }), ...(methods === undefined ? {} : { methods }) }
}

/** Returns the authentication by a form at a time. */
export const formAuthentication = (methods: readonly string[], at: UnixTime): Authentication => ({ at, methods })

interface Address {
  email: string
  /** Whether it is said to be verified; undefined if nothing says so. */
  isVerified: boolean | undefined
}

/** Finds the address, and whether the source that it is from says that it is verified: nobody vouches for another's. */
const addressIn = (
  { idToken, userinfo, profile }: PersonSources,
  { email, email_verified: verified }: StrategyConfig['profile'],
): Address | undefined => {
  const named = email ?? 'email'
  const candidates: Address[] = []
  for (const source of [idToken, userinfo, profile['_json'], profile]) {
    if (typeof source !== 'object' || source === null) continue
    const text = shortText((source as Members)[named])
    if (text !== undefined) candidates.push({ email: text, isVerified: asFlag((source as Members)[verified]) })
  }
  if (email === undefined) candidates.push(...listedAddresses(profile['emails']))
  const [address] = candidates
  if (address === undefined) return undefined
  const same = candidates.filter((each) => each.email.toLowerCase() === address.email.toLowerCase())
  return { ...address, isVerified: same.find(({ isVerified }) => isVerified !== undefined)?.isVerified }
}

/** Reads a profile's list of addresses, the primary one first. */
const listedAddresses = (emails: unknown): Address[] => {
  const list = (Array.isArray(emails) ? emails : []).filter(
    (each): each is Members => typeof each === 'object' && each !== null,
  )
  const [primary, others] = [
    list.filter((each) => each['primary'] === true),
    list.filter((each) => each['primary'] !== true),
  ]
  return [...primary, ...others].flatMap(({ value, verified }) => {
    const text = shortText(value)
    return text === undefined ? [] : [{ email: text, isVerified: asFlag(verified) }]
  })
}

const asFlag = (value: unknown): boolean | undefined =>
  value === undefined || value === null ? undefined : value === true || value === 'true'

const isTrusted = (email: string, domains: readonly string[]): boolean => {
  const domain = domainOfEmail(email)
  return domain !== undefined && domains.some((trusted) => readEmailDomain(trusted) === domain)
}

const doubtOf = (address: Address | undefined, claim: string): string => {
  if (address === undefined)
    return 'neither the strategy nor the service named an address: name its member in profile.email'
  if (address.isVerified === false) return 'the service says that the address is not verified'
  return `nothing says ${claim}: name another member in profile.email_verified, or the domain in trusted_email_domains`
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined

const shortText = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' && value.length <= 320 ? value : undefined
