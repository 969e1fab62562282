import { domainOfEmail, readEmailDomain } from '../../../core/net/email-domain.ts'

/** Stands for every domain. */
export const ANY_DOMAIN = '*'

/** A domain as a provider has it in its list, or `*`; undefined where a text is neither. */
export const readProviderDomain = (typed: string): string | undefined =>
  typed.trim() === ANY_DOMAIN ? ANY_DOMAIN : readEmailDomain(typed)

/** Whether a provider may say that somebody new to it is the actor with this address. Subdomains are other domains. */
export const speaksFor = ({ emailDomains }: { emailDomains: readonly string[] }, address: string): boolean => {
  const domain = domainOfEmail(address)
  return domain !== undefined && (emailDomains.includes(ANY_DOMAIN) || emailDomains.includes(domain))
}
