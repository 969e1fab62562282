import type { SiteFinding, SiteFindings } from './site-finding.ts'

/** Explains to a user why a name was not resolved at its site, and what to do. */
export const findingText = (name: string, { ipv4, ipv6 }: SiteFindings): string => {
  if (ipv4 === ipv6) return `${name}: ${WORDS[ipv4]}.`
  const only = [ipv4, ipv6].filter((finding) => finding !== 'no_record' && finding !== 'no_such_name')
  const [one] = only
  if (only.length === 1 && one !== undefined && one !== 'found') return `${name}: ${WORDS[one]}.`
  return `${name}: IPv4: ${WORDS[ipv4]}. IPv6: ${WORDS[ipv6]}.`
}

const WORDS: Readonly<Record<SiteFinding, string>> = {
  found: 'the site has addresses',
  no_record: 'the site has the name, but no address for it: its DNS administrator has to add a record',
  no_such_name: "the site's name servers do not have the name: look for a typing error, or have it added there",
  refused_address:
    'the site has an address that is never a server (loopback, link-local, metadata, the gateway itself …), which is refused',
  pending: 'no name server of the site has answered yet',
  no_answer:
    "no name server of the site answers the gateway: its administrator has to look at the gateway's resolv.conf",
  servfail: "the site's name server failed (SERVFAIL): its administrator has to look at it",
  refused: "the site's name server refuses to answer the gateway (REFUSED): its administrator has to let it ask",
  bad_answer: "the site's name server gave an answer that cannot be used: its administrator has to look at it",
}
