// The reference: what a probe has to meet while nothing is broken, from the resources, their policies and the site alone. It is slow,
// simple, and shares no code with what it judges.

export interface ModelResource {
  id: string
  type: 'dns' | 'cidr' | 'internet'
  /** A pattern, or a prefix. */
  address: string
  /** UDP ports that it permits; undefined for all, empty for none. */
  ports: readonly number[] | undefined
}

export interface ModelMachine {
  name: string
  domain: string
  addresses: readonly string[]
}

export type Prediction =
  /** By this machine. */
  | { outcome: 'answered'; by: string }
  /** ICMP says so, at once. */
  | { outcome: 'prohibited' }
  | { outcome: 'unreachable' }
  /** It is carried to where nobody is. */
  | { outcome: 'silent' }
  /** The name has no address. */
  | { outcome: 'unresolved' }

export interface Probe {
  /** A name, or an address. */
  target: string
  family: 'ipv4' | 'ipv6'
  port: number
}

export const predict = (
  { target, family, port }: Probe,
  { resources, machines }: { resources: readonly ModelResource[]; machines: readonly ModelMachine[] },
): Prediction => {
  const isAddress = /^[\d.]+$|:/.test(target)
  const covering = resources.filter((resource) => covers(resource, target, isAddress))
  if (covering.length === 0) return { outcome: isAddress ? 'unreachable' : 'unresolved' }
  if (!covering.some(({ ports }) => ports === undefined || ports.includes(port))) return { outcome: 'prohibited' }
  const machine = machines.find(({ domain, addresses }) => (isAddress ? addresses.includes(target) : domain === target))
  if (isAddress) return machine === undefined ? { outcome: 'silent' } : { outcome: 'answered', by: machine.name }
  const has = machine?.addresses.some((address) => address.includes(':') === (family === 'ipv6')) === true
  return has && machine !== undefined ? { outcome: 'answered', by: machine.name } : { outcome: 'unreachable' }
}

const covers = ({ type, address }: ModelResource, target: string, isAddress: boolean): boolean => {
  if (type === 'dns') return !isAddress && matches(address.split('.'), target.split('.'))
  if (!isAddress) return false
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
