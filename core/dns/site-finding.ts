/** Outcomes of a site's lookup of a name's addresses of one family. */
export const SITE_FINDINGS = [
  'found',
  /** The name exists, but has no address of this family. */
  'no_record',
  /** The name does not exist (NXDOMAIN). */
  'no_such_name',
  /** All addresses were refused: none can be a server's, or they are the gateway's own. */
  'refused_address',
  /** No name server has answered yet for this family, but the other family has addresses. */
  'pending',
  'no_answer',
  'servfail',
  /** A name server refused the query (REFUSED). */
  'refused',
  /** The answer was malformed, truncated, or an error of another kind. */
  'bad_answer',
] as const
export type SiteFinding = (typeof SITE_FINDINGS)[number]

/** Outcomes for both families of a name. */
export interface SiteFindings {
  readonly ipv4: SiteFinding
  readonly ipv6: SiteFinding
}

/** Findings of a name with addresses of both families. */
export const NO_TROUBLE: SiteFindings = { ipv4: 'found', ipv6: 'found' }

/** Whether findings are a problem to report: no family has addresses, or the lookup of one failed. */
export const isTrouble = ({ ipv4, ipv6 }: SiteFindings): boolean =>
  (ipv4 !== 'found' && ipv6 !== 'found') || [ipv4, ipv6].some((finding) => !HARMLESS.has(finding))

const HARMLESS: ReadonlySet<SiteFinding> = new Set(['found', 'pending', 'no_record', 'no_such_name'])

/** Reads a finding from an untrusted text; undefined if it is unknown. */
export const siteFinding = (text: unknown): SiteFinding | undefined => SITE_FINDINGS.find((finding) => finding === text)

/** Whether a site has a name; `unknown` where it could not find out. */
export type SiteSaid = 'present' | 'missing' | 'unknown'

/** Returns whether a site has a name, by its findings; these are undefined if there is no problem with the name. */
export const siteSaid = (found: SiteFindings | undefined): SiteSaid => {
  const { ipv4, ipv6 } = found ?? NO_TROUBLE
  if (ipv4 === 'no_such_name' && ipv6 === 'no_such_name') return 'missing'
  return IS_PRESENT.has(ipv4) || IS_PRESENT.has(ipv6) ? 'present' : 'unknown'
}

const IS_PRESENT: ReadonlySet<SiteFinding> = new Set(['found', 'no_record', 'refused_address'])
