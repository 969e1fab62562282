import type * as oidc from 'openid-client'
import { domainOfEmail, readEmailDomain, type Identity } from 'portreeve'
import type { Settings } from './config.ts'

type Claims = Readonly<Record<string, unknown>>

/** Whether the ID token lacks the e-mail address or its verification, so that the userinfo endpoint must be asked. */
export const needsUserinfo = (idToken: Claims, settings: Settings): boolean => {
  const { email, isVouched } = addressIn(idToken, settings)
  return email === undefined || (isVouched === undefined && !isTrusted(email, settings))
}

/**
 * Returns the identity in the claims of an ID token and of the userinfo endpoint (`told`). The ID token's claims take
 * precedence. A claim of verification applies only to the address beside it, or to an equal one.
 */
export const identityOf = (idToken: oidc.IDToken, told: Claims, settings: Settings): Identity => {
  const [here, there] = [addressIn(idToken, settings), addressIn(told, settings)]
  const email = here.email ?? there.email
  const isSame = here.email === undefined || there.email === undefined || equalAddresses(here.email, there.email)
  const isVouched = (here.email === undefined ? undefined : here.isVouched) ?? (isSame ? there.isVouched : undefined)
  const emailVerified = email !== undefined && (isVouched ?? isTrusted(email, settings))
  const name = text(idToken['name']) ?? text(told['name']) ?? text(told['preferred_username'])
  const doubt = emailVerified ? undefined : doubtOf({ email, isVouched }, settings)
  return {
    issuer: idToken.iss,
    subject: idToken.sub,
    emailVerified,
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(doubt === undefined ? {} : { emailDoubt: doubt }),
  }
}

/** E-mail address among a provider's claims. */
interface ClaimedAddress {
  email: string | undefined
  /** Whether the claim of verification is true; undefined if there is no such claim. */
  isVouched: boolean | undefined
}

const addressIn = (claims: Claims, { email_claim, verified_claim }: Settings): ClaimedAddress => {
  const vouching = claims[verified_claim]
  const isVouched =
    vouching === undefined || vouching === null || vouching === '' ? undefined : isTrue(vouching, verified_claim)
  return { email: text(claims[email_claim]), isVouched }
}

// Some providers (Cognito, JumpCloud) send the claim as text; other claims than the standard's may be numbers.
const isTrue = (value: unknown, claim: string): boolean =>
  value === true ||
  (typeof value === 'string' && value.toLowerCase() === 'true') ||
  (claim !== 'email_verified' && (value === 1 || value === '1'))

const isTrusted = (email: string, { trusted_email_domains: domains }: Settings): boolean => {
  const domain = domainOfEmail(email)
  return domain !== undefined && domains.some((trusted) => readEmailDomain(trusted) === domain)
}

const equalAddresses = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()

const doubtOf = ({ email, isVouched }: ClaimedAddress, { email_claim, verified_claim }: Settings): string => {
  if (email === undefined) return `neither the ID token nor userinfo has an address in the claim ${email_claim}`
  if (isVouched === false) return `the claim ${verified_claim} says that the address is not verified`
  return `there is no claim ${verified_claim}: name another one in verified_claim, or the domain in trusted_email_domains`
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value.trim() !== '' && value.length <= 320 ? value : undefined
