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
 * Whether versions of a client and a gateway are compatible: the same major version, and the gateway at most one minor
 * version behind or ahead. Versions before 1.0 and unreadable ones count as compatible.
 */
export const isCompatible = (client: string, gateway: string): boolean => {
  const [a, b] = [semver(client), semver(gateway)]
  if (a === undefined || b === undefined || a.major === 0 || b.major === 0) return true
  return a.major === b.major && b.minor >= a.minor - 1 && b.minor < a.minor + 2
}

const semver = (version: string): { major: number; minor: number } | undefined => {
  const match = /^(\d+)\.(\d+)/.exec(version)
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) }
}
