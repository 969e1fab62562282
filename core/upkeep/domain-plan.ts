import type { HostProblem } from '../runtime/host-problems.ts'
import type { NameRange } from '../runtime/network-configuration.ts'

/** Domains for which a resolver asks the servers of one link. */
export interface LinkDomains {
  link: string
  domains: readonly string[]
}

/** Domains to route to the tunnel device, in a resolver that sends a name to the link with the longest suffix of it. */
export interface DomainPlan {
  /** Normalized domains; those that another link has as well, or has a suffix of, come first. */
  domains: string[]
  problems: HostProblem[]
}

/** Maximum of domains to route: systemd-resolved takes 256 of a link, and has the search domain among them. */
const MAX_DOMAINS = 250

/**
 * Plans the domains that lead `names` to the tunnel device although `others` have domains of their own. A domain that
 * another link has as well is a problem, since the resolver asks both and takes the first answer.
 */
export const planDomains = (names: readonly NameRange[], others: readonly LinkDomains[]): DomainPlan => {
  const wanted = new Set(names.map(({ suffix }) => suffix))
  const contested = new Set<string>()
  const problems = new Map<string, HostProblem>()
  for (const { link, domains } of others) {
    for (const domain of domains) {
      for (const suffix of wanted) if (isWithin(suffix, domain)) contested.add(suffix)
      if (!names.some((range) => mayBeWithin(range, domain))) continue
      contested.add(domain)
      problems.set(`${link} ${domain}`, tie(link, domain))
    }
  }
  return { domains: [...new Set([...contested, ...wanted])].slice(0, MAX_DOMAINS), problems: [...problems.values()] }
}

const isWithin = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`)

/** Whether a range has names that no suffix leads to the device, because they are within a domain as specific as it. */
const mayBeWithin = ({ suffix, depth }: NameRange, domain: string): boolean => {
  if (!isWithin(domain, suffix)) return false
  const labels = domain.slice(0, domain.length - suffix.length).split('.').length - 1
  return depth === undefined || labels <= depth
}

const tie = (link: string, domain: string): HostProblem => ({
  code: 'domain_tie',
  said: `names of resources in ${domain} may be answered by another name server, because systemd-resolved has the same domain for ${link}`,
  remedy: `Look at \`resolvectl domain\`. Take the domain from ${link} (\`resolvectl domain ${link} ""\` until its network is set up again; UseDomains=no in systemd-networkd), or give the resources a domain that no network uses.`,
  blocks: false,
})
