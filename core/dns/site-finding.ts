/** Outcomes of looking up the addresses of one family of a name at the site. */
export const SITE_FINDINGS = [
  'found',
  /** The name has records, and none of this family. */
  'no_record',
  /** NXDOMAIN */
  'no_such_name',
  /** Every address is never a server's, or the gateway's own. */
  'refused_address',
  /** No name server has answered yet, while the other family has addresses. */
  'pending',
  'no_answer',
  'servfail',
  /** A name server would not say (REFUSED). */
  'refused',
  /** An answer that is none, or an error of another kind. */
  'bad_answer',
] as const
export type SiteFinding = (typeof SITE_FINDINGS)[number]

/** Outcomes for both families of a name. */
export interface SiteFindings {
  readonly ipv4: SiteFinding
  readonly ipv6: SiteFinding
}

/** Addresses of both families. */
export const NO_TROUBLE: SiteFindings = { ipv4: 'found', ipv6: 'found' }

/** Whether somebody has to hear of the outcomes: no family has addresses, or one failed for another reason than that it has no records. */
export const isTrouble = ({ ipv4, ipv6 }: SiteFindings): boolean =>
  (ipv4 !== 'found' && ipv6 !== 'found') || [ipv4, ipv6].some((finding) => !HARMLESS.has(finding))

const HARMLESS: ReadonlySet<SiteFinding> = new Set(['found', 'pending', 'no_record', 'no_such_name'])

/** The finding in a text that came from elsewhere; undefined where it is none that is known here. */
export const siteFinding = (text: unknown): SiteFinding | undefined => SITE_FINDINGS.find((finding) => finding === text)
