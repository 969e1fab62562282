/** The outcome of looking up the addresses of one family of a name at the site. */
export type SiteFinding =
  | 'found'
  /** The name has records, and none of this family. */
  | 'no_record'
  /** NXDOMAIN */
  | 'no_such_name'
  /** Every address is never a server's, or the gateway's own. */
  | 'refused_address'
  /** No name server answered, or none has yet. */
  | 'no_answer'
  | 'servfail'
  /** A name server would not say (REFUSED). */
  | 'refused'
  /** An answer that is none, or an error of another kind. */
  | 'bad_answer'

/** Outcomes for both families of a name. */
export interface SiteFindings {
  readonly ipv4: SiteFinding
  readonly ipv6: SiteFinding
}
