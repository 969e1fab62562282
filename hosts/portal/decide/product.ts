/** Product that a peer belongs to: Portreeve, or the released peers whose protocol Portreeve speaks. */
export type Product = 'portreeve' | 'released'

/** Version of a peer. Versions of different products say nothing about one another. */
export interface ProductVersion {
  /** Undefined if the peer is not connected, since only a connect tells the product. */
  product: Product | undefined
  version: string
}

/**
 * Whether a client and a gateway are compatible: if they are of one product, the same major version, and the gateway at
 * most one minor version behind or ahead. Versions before 1.0 and unreadable ones count as compatible.
 */
export const isCompatible = (client: ProductVersion, gateway: ProductVersion): boolean => {
  if (client.product !== gateway.product) return true
  const [a, b] = [semver(client.version), semver(gateway.version)]
  if (a === undefined || b === undefined || a.major === 0 || b.major === 0) return true
  return a.major === b.major && b.minor >= a.minor - 1 && b.minor < a.minor + 2
}

const semver = (version: string): { major: number; minor: number } | undefined => {
  const match = /^(\d+)\.(\d+)/.exec(version)
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) }
}
