import { domainOfEmail, readEmailDomain } from '../../../core/net/email-domain.ts'

/** Entry in a provider's list of domains that allows every domain. */
export const ANY_DOMAIN = '*'

/** Normalizes a domain for a provider's list; `*` stays. Returns undefined if the text is neither. */
export const readProviderDomain = (typed: string): string | undefined =>
  typed.trim() === ANY_DOMAIN ? ANY_DOMAIN : readEmailDomain(typed)

/**
 * Whether a provider may identify a newcomer as the actor with this e-mail address. Subdomains count as different
 * domains.
 */
export const speaksFor = ({ emailDomains }: { emailDomains: readonly string[] }, address: string): boolean => {
  const domain = domainOfEmail(address)
  return domain !== undefined && (emailDomains.includes(ANY_DOMAIN) || emailDomains.includes(domain))
}
