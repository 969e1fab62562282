// The networks of the test bed, dual-stack, each a switch with a router at .1: the client's own, the world's, the site's, and one
// behind the site whose router has a small MTU. The world's router knows no way to the site.

export const NETWORKS = {
  lan: { ipv4: '192.168.7.', ipv6: '2001:db8:7::', router: 'internet' },
  outside: { ipv4: '203.0.113.', ipv6: '2001:db8:113::', router: 'internet' },
  site: { ipv4: '10.20.0.', ipv6: '2001:db8:20::', router: 'premises' },
  far: { ipv4: '10.30.0.', ipv6: '2001:db8:30::', router: 'premises' },
} as const

export type NetworkName = keyof typeof NETWORKS
export type Families = 'dual' | 'ipv4' | 'ipv6'

/** Place of a machine on a network: `host` is the last part of its addresses, the same in both families. */
export interface Joint {
  network: NetworkName
  host: number
  families?: Families
}

/** Path MTU over IPv4 to the network `far`. IPv6 allows none below 1280. */
export const FAR_MTU = 1000

export const PORTAL_HOST = 10
export const PORTAL_PORT = 8080
export const TARGET_HOST = 80
export const PUBLIC_HOST = 80
/** Host number that the portal moves to. */
export const MOVED_PORTAL_HOST = 11
export const FAR_HOST = 90
export const NEIGHBOUR_HOST = 5
export const GATEWAY_HOST = 101
export const CLIENT_HOST = 200

export const ipv4Of = (network: NetworkName, host: number): string => `${NETWORKS[network].ipv4}${host}`
export const ipv6Of = (network: NetworkName, host: number): string => `${NETWORKS[network].ipv6}${host}`

/** Records that only the site's name server has: names with both families on one address, and with one family alone. */
export const SITE_NAMES: Readonly<Record<string, readonly string[]>> = {
  'web.example.org': [ipv4Of('site', TARGET_HOST), ipv6Of('site', TARGET_HOST)],
  'wiki.example.org': [ipv4Of('site', TARGET_HOST), ipv6Of('site', TARGET_HOST)],
  'first.example.org': [ipv4Of('site', TARGET_HOST)],
  'first6.example.org': [ipv6Of('site', TARGET_HOST)],
  'four.example.org': [ipv4Of('site', TARGET_HOST)],
  'six.example.org': [ipv6Of('site', TARGET_HOST)],
  'vault.example.org': [ipv4Of('site', 1), ipv6Of('site', 1)],
  'only6.example.org': [ipv4Of('site', TARGET_HOST), ipv6Of('site', TARGET_HOST)],
  'itself.own.example.org': [ipv4Of('site', GATEWAY_HOST), ipv6Of('site', GATEWAY_HOST)],
  'loop.own.example.org': ['127.0.0.1', '::1'],
  'link.own.example.org': ['169.254.169.254', 'fe80::1'],
  'tunnel.own.example.org': ['100.64.0.1', 'fd00:2021:1111::1'],
  'far.example.org': [ipv4Of('far', FAR_HOST), ipv6Of('far', FAR_HOST)],
}

/** Records of the world's name server. */
export const OUTSIDE_NAMES: Readonly<Record<string, readonly string[]>> = {
  'upstream.example.net': [ipv4Of('outside', PUBLIC_HOST)],
  'portal.example.net': [ipv4Of('outside', PORTAL_HOST), ipv6Of('outside', PORTAL_HOST)],
}

export const WEB_PORT = 80
export const ADMIN_PORT = 8081
export const ECHO_PORT = 7000
