/**
 * Returns the version of a peer from its user agent's last product: `1.5.11` in `Debian/12.0.0 headless-client/1.5.11
 * (x86_64; 6.1.0)`; empty if there is none.
 */
export const versionOf = (userAgent: string): string => {
  const products = userAgent.replace(/\(.*$/, '').trim().split(/\s+/)
  return /^[a-z-]+\/(\d{1,4}\.\d{1,4}\.\d{1,6}\S{0,32})$/i.exec(products.at(-1) ?? '')?.[1] ?? ''
}

/** Returns the operating system of a peer, from its user agent's first product; null if there is none. */
export const systemOf = (userAgent: string): { name: string | null; version: string | null } => {
  const match = /^(.{1,64}?)\/(\S{1,64})\s/.exec(userAgent)
  return { name: match?.[1] ?? null, version: match?.[2] ?? null }
}

/**
 * Whether a released client reads the names `sites` and `site_id`. Older ones, and those whose user agent says nothing,
 * read `gateway_groups` and `gateway_group_id`, which later versions of the same dialect understand as well.
 */
export const knowsSites = (userAgent: string): boolean => {
  const component = /([a-z-]+)\/\S+$/.exec(userAgent.replace(/\(.*$/, '').trim())?.[1] ?? ''
  const first = SITES_SINCE.get(component)
  const version = versionOf(userAgent)
  return first !== undefined && version !== '' && comparable(version) >= comparable(first)
}

/** First versions of released clients that read `sites` and `site_id`. */
const SITES_SINCE: ReadonlyMap<string, string> = new Map([
  ['headless-client', '1.5.6'],
  ['gui-client', '1.5.10'],
  ['apple-client', '1.5.11'],
  ['android-client', '1.5.8'],
])

/** Returns a number that orders versions: their three parts have at most four, four and six digits. */
const comparable = (version: string): number => {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return (major * 1e4 + minor) * 1e6 + patch
}
