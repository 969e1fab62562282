// Reference model: predicts the results of a probe while nothing is broken, from the resources that its sender may
// reach, the sites and the networks that everybody is in. It is slow and simple, and shares no code with the product.

export type Family = 'ipv4' | 'ipv6'
export type Protocol = 'udp' | 'tcp' | 'icmp'

export interface ModelResource {
  id: string
  /** Name of the site. */
  site: string
  type: 'dns' | 'cidr' | 'internet'
  /** Pattern of names, or prefix. */
  address: string
  /** Permitted traffic; an empty list permits everything. Ports are inclusive, and ignored for `icmp`. */
  filters: readonly { protocol: Protocol; from: number; to: number }[]
  /** The one address family of a name that has only one. */
  only?: Family
}

export interface ModelMachine {
  name: string
  addresses: readonly string[]
  /** Ports on which nothing listens. */
  closedPorts: readonly number[]
}

export interface ModelSite {
  name: string
  machines: readonly ModelMachine[]
  /** Records of the site's name server. */
  records: ReadonlyMap<string, readonly string[]>
  /** Outside addresses of each running gateway. */
  gateways: readonly (readonly string[])[]
}

export interface Probe {
  /** Name or address. */
  target: string
  family: Family
  protocol: Protocol
  port: number
  /** Index of the mapped address that an application uses, of a name's four. */
  choice: number
}

/** Resources that the sender of a probe may reach, the sites, and the sender's own addresses. */
export interface Surroundings {
  resources: readonly ModelResource[]
  sites: readonly ModelSite[]
  /** Outside addresses of the sender. */
  addresses: readonly string[]
}

/**
 * Predicts the possible results of a probe: `answered by NAME`; `closed`, reported by the machine itself; an ICMP error
 * that says `prohibited` or `unreachable`; `silent` if the packet is carried to an address without a machine;
 * `unresolved` if the name has no address.
 */
export const predict = (probe: Probe, around: Surroundings): string[] => [
  ...meetsOnceResolved(probe, around),
  ...(isMissing(probe.target, around) ? ['unresolved'] : []),
]

/**
 * Whether a name has no address at any site that it may belong to. Once the client has learned that, the name does not
 * resolve for a while (D13).
 */
const isMissing = (target: string, { resources, sites }: Surroundings): boolean => {
  const covering = resources.filter((resource) => covers(resource, target))
  if (isAddress(target) || covering.some(({ address }) => !/[*?]/.test(address))) return false
  return covering.every((one) => (sites.find(({ name }) => name === one.site)?.records.get(target) ?? []).length === 0)
}

const meetsOnceResolved = (probe: Probe, { resources, sites, addresses }: Surroundings): string[] => {
  const { target, family } = probe
  const covering = resources.filter((resource) => covers(resource, target)).sort(moreSpecificFirst)
  if (isAddress(target) && covering.length === 0) return ['unreachable']
  if (!isAddress(target) && !hasFamily(covering, family)) return ['unresolved']
  const resource = covering.find((one) => permits(one, probe))
  if (resource === undefined) return ['prohibited']
  const site = sites.find(({ name }) => name === resource.site)
  if (site === undefined || site.gateways.length === 0) return ['unreachable']
  // The client searches for a path in vain, for longer than an application waits.
  if (!site.gateways.some((theirs) => shareFamily(addresses, theirs))) return ['unreachable', 'silent']
  const real = isAddress(target) ? [target] : servers(site.records.get(target) ?? [], family)
  const address = real[probe.choice % Math.max(1, real.length)]
  return [address === undefined ? 'unreachable' : meets(address, probe, site)]
}

/** Whether any of the sender's resources permits the probe. */
export const isPermitted = (probe: Probe, { resources }: Surroundings): boolean => {
  const covering = resources.filter((resource) => covers(resource, probe.target)).sort(moreSpecificFirst)
  if (!isAddress(probe.target) && !hasFamily(covering, probe.family)) return false
  return covering.some((resource) => permits(resource, probe))
}

/** Whether a resource alone permits packets to an address of its site, under the address or any of its names. */
export const letsPass = (
  resource: ModelResource,
  { address, names, ...probe }: { address: string; names: readonly string[]; protocol: Protocol; port: number },
): boolean =>
  permits(resource, probe) && [address, ...(isServer(address) ? names : [])].some((target) => covers(resource, target))

export const isAddress = (text: string): boolean => /^[\d.]+$|:/.test(text)

/** Whether two machines have an address family in common. */
export const shareFamily = (some: readonly string[], others: readonly string[]): boolean =>
  some.some((one) => others.some((other) => one.includes(':') === other.includes(':')))

/** Whether a name has addresses of a family: the most specific of its resources decides, whatever ports it permits. */
const hasFamily = ([first]: readonly ModelResource[], family: Family): boolean =>
  first !== undefined && (first.only === undefined || first.only === family)

const meets = (address: string, { protocol, port }: Probe, { machines }: ModelSite): string => {
  const machine = machines.find(({ addresses }) => addresses.includes(address))
  if (machine === undefined) return 'silent'
  return protocol !== 'icmp' && machine.closedPorts.includes(port) ? 'closed' : `answered by ${machine.name}`
}

const permits = ({ filters }: ModelResource, { protocol, port }: Pick<Probe, 'protocol' | 'port'>): boolean =>
  filters.length === 0 ||
  filters.some((one) => one.protocol === protocol && (protocol === 'icmp' || (port >= one.from && port <= one.to)))

const covers = ({ type, address }: ModelResource, target: string): boolean => {
  if (type === 'dns') return !isAddress(target) && matches(address.split('.'), target.split('.'))
  if (!isAddress(target)) return false
  if (type === 'internet') return isPublic(target)
  const [network = '', length = ''] = address.split('/')
  if (network.includes(':') !== target.includes(':')) return false
  return bitsOf(network).slice(0, Number(length)) === bitsOf(target).slice(0, Number(length))
}

/**
 * Whether labels match a pattern: `*` is the name itself or one more label, `**` any number of labels, `?` one
 * character.
 */
const matches = ([first, ...rest]: readonly string[], labels: readonly string[]): boolean => {
  if (first === undefined) return labels.length === 0
  const most = first === '**' ? labels.length : first === '*' ? 1 : -1
  if (most >= 0) {
    for (let taken = 0; taken <= Math.min(most, labels.length); taken++)
      if (matches(rest, labels.slice(taken))) return true
    return false
  }
  const [label, ...more] = labels
  if (label === undefined || label.length !== first.length) return false
  return first.split('').every((letter, at) => letter === '?' || letter === label[at]) && matches(rest, more)
}

/**
 * Orders resources: names, prefixes, the Internet; then the longest written end or prefix; then `?`, `*`, `**`; then
 * the highest id.
 */
const moreSpecificFirst = (a: ModelResource, b: ModelResource): number => {
  const ranks = [rank(a), rank(b)] as const
  const at = ranks[0].findIndex((value, index) => value !== ranks[1][index])
  return at < 0 ? (a.id < b.id ? 1 : -1) : (ranks[1][at] ?? 0) - (ranks[0][at] ?? 0)
}

const rank = ({ type, address }: ModelResource): number[] => {
  if (type === 'internet') return [0, 0, 0]
  if (type === 'cidr') return [1, Number(address.split('/')[1]), 0]
  const labels = address.split('.')
  const written = labels.length - 1 - labels.findLastIndex((label) => /[*?]/.test(label))
  return [2, written, address.includes('**') ? 0 : address.includes('*') ? 1 : 2]
}

/** Addresses of a family that a name may resolve to, in ascending order. */
const servers = (addresses: readonly string[], family: Family): string[] =>
  addresses
    .filter((address) => address.includes(':') === (family === 'ipv6') && isServer(address))
    .sort((a, b) => (bitsOf(a) < bitsOf(b) ? -1 : 1))

/**
 * Whether a name may resolve to an address: not to the gateway itself, its link, no or every machine, or the tunnels.
 */
const isServer = (address: string): boolean =>
  !/^(?:0\.|127\.|169\.254\.|22[4-9]\.|100\.|::|fe80:|ff|fd00:)/.test(address)

/** Whether an address is public, among the addresses that a simulation uses. */
const isPublic = (address: string): boolean =>
  !/^(?:10\.|172\.16\.|192\.168\.|127\.|169\.254\.|100\.|fd|fe80|::)/.test(address)

const bitsOf = (address: string): string => {
  if (!address.includes(':')) {
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
  }
  const [before = '', after] = address.split('::')
  const head = before.split(':').filter((part) => part !== '')
  const tail = (after ?? '').split(':').filter((part) => part !== '')
  const middle = Array.from({ length: after === undefined ? 0 : 8 - head.length - tail.length }, () => '0')
  return [...head, ...middle, ...tail].map((part) => Number.parseInt(part, 16).toString(2).padStart(16, '0')).join('')
}
