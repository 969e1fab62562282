// The reference: what a probe has to meet while nothing is broken, from the resources that its sender may have, the sites and the
// networks that everybody is in. It is slow, simple, and shares no code with what it judges.

export type Family = 'ipv4' | 'ipv6'
export type Protocol = 'udp' | 'tcp' | 'icmp'

export interface ModelResource {
  id: string
  /** A site's name. */
  site: string
  type: 'dns' | 'cidr' | 'internet'
  /** A pattern, or a prefix. */
  address: string
  /** Nothing in it permits everything; ports are inclusive, and ignored for `icmp`. */
  filters: readonly { protocol: Protocol; from: number; to: number }[]
  /** Of names that have one only. */
  only?: Family
}

export interface ModelMachine {
  name: string
  addresses: readonly string[]
  /** Where nothing listens. */
  closedPorts: readonly number[]
}

export interface ModelSite {
  name: string
  machines: readonly ModelMachine[]
  /** What its name server says. */
  records: ReadonlyMap<string, readonly string[]>
  /** The outside addresses of each gateway that runs. */
  gateways: readonly (readonly string[])[]
}

export interface Probe {
  /** A name, or an address. */
  target: string
  family: Family
  protocol: Protocol
  port: number
  /** Which one of a name's four addresses an application takes. */
  choice: number
}

/** What the sender of a probe may have, and where it is. */
export interface Surroundings {
  resources: readonly ModelResource[]
  sites: readonly ModelSite[]
  /** The sender's own addresses outside. */
  addresses: readonly string[]
}

/**
 * What the sender may see, any of it: `answered by NAME`; `closed`, by the machine's own words; ICMP that says `prohibited` or `unreachable`;
 * `silent` where it is carried to where nobody is; `unresolved` where the name has no address.
 */
export const predict = (probe: Probe, around: Surroundings): string[] => [
  ...meetsOnceResolved(probe, around),
  ...(isMissing(probe.target, around) ? ['unresolved'] : []),
]

/** Whether a name has no address at any site that it may belong to: once that is known there, it is not resolved for a while (D13). */
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
  // A way is looked for in vain, for longer than an application waits.
  if (!site.gateways.some((theirs) => shareFamily(addresses, theirs))) return ['unreachable', 'silent']
  const real = isAddress(target) ? [target] : servers(site.records.get(target) ?? [], family)
  const address = real[probe.choice % Math.max(1, real.length)]
  return [address === undefined ? 'unreachable' : meets(address, probe, site)]
}

/** Whether any of the resources would let it pass. */
export const isPermitted = (probe: Probe, { resources }: Surroundings): boolean => {
  const covering = resources.filter((resource) => covers(resource, probe.target)).sort(moreSpecificFirst)
  if (!isAddress(probe.target) && !hasFamily(covering, probe.family)) return false
  return covering.some((resource) => permits(resource, probe))
}

/** Whether a resource alone would let a packet to an address of its site pass, under any of these names. */
export const letsPass = (
  resource: ModelResource,
  { address, names, ...probe }: { address: string; names: readonly string[]; protocol: Protocol; port: number },
): boolean =>
  permits(resource, probe) && [address, ...(isServer(address) ? names : [])].some((target) => covers(resource, target))

export const isAddress = (text: string): boolean => /^[\d.]+$|:/.test(text)

/** Whether packets can go from one to the other. */
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

/** `*` is the name itself or one label more, `**` any number, `?` one character. */
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

/** Names before prefixes before the Internet; the longest end or prefix; `?` before `*` before `**`; the highest id. */
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

/** In order of their value. */
const servers = (addresses: readonly string[], family: Family): string[] =>
  addresses
    .filter((address) => address.includes(':') === (family === 'ipv6') && isServer(address))
    .sort((a, b) => (bitsOf(a) < bitsOf(b) ? -1 : 1))

/** What a name may not lead to: the gateway itself, its link, nobody, everybody, the tunnels. */
const isServer = (address: string): boolean =>
  !/^(?:0\.|127\.|169\.254\.|22[4-9]\.|100\.|::|fe80:|ff|fd00:)/.test(address)

/** Of the addresses that a simulation uses. */
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
