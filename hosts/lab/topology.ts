// Machines and networks of the lab. Outside addresses are of the documentation range 203.0.113.0/24; the site's network
// is a private one. No router connects the two: the only way into the site is a gateway.

/** Networks of the lab, each with a switch. */
export const NETWORKS = {
  outside: { prefix: 24 },
  site: { prefix: 24 },
} as const

/** Machines of the lab: address outside, address at the site, and name server in resolv.conf. */
export const MACHINES = {
  //              outside                   at the site          asks
  portal: /*   */ { outside: '203.0.113.10', site: undefined, /*   */ dns: '203.0.113.53' },
  provider: /* */ { outside: '203.0.113.20', site: undefined, /*   */ dns: '203.0.113.53' },
  upstream: /* */ { outside: '203.0.113.53', site: undefined, /*   */ dns: '203.0.113.53' },
  client: /*   */ { outside: '203.0.113.200', site: undefined, /*  */ dns: '203.0.113.53' },
  'gateway-1': { outside: '203.0.113.101', site: '10.20.0.101', dns: '10.20.0.53' },
  'gateway-2': { outside: '203.0.113.102', site: '10.20.0.102', dns: '10.20.0.53' },
  'site-dns': /**/ { outside: undefined, site: '10.20.0.53', /*    */ dns: '10.20.0.53' },
  web: /*      */ { outside: undefined, site: '10.20.0.80', /*     */ dns: '10.20.0.53' },
  files: /*    */ { outside: undefined, site: '10.20.0.90', /*     */ dns: '10.20.0.53' },
} as const

export type MachineName = keyof typeof MACHINES
export type GatewayName = 'gateway-1' | 'gateway-2'
export const GATEWAYS: readonly GatewayName[] = ['gateway-1', 'gateway-2']

/** Routes that would bypass the product if a gateway forwarded their packets. */
export const SHORTCUTS = [
  { machine: 'client', to: '10.20.0.0/24', via: MACHINES['gateway-1'].outside },
  { machine: 'web', to: '203.0.113.0/24', via: MACHINES['gateway-1'].site },
  { machine: 'files', to: '203.0.113.0/24', via: MACHINES['gateway-1'].site },
] as const

export const PORTAL_PORT = 8080
export const PROVIDER_PORT = 9000
/** Port of the organisation's mail server, on the provider's machine. */
export const MAIL_PORT = 2525
export const PORTAL_URL = `http://portal.example.org:${PORTAL_PORT}`
export const PROVIDER_URL = `http://login.example.org:${PROVIDER_PORT}`

/** Names in the public DNS. The site's names have other addresses here, which shows which server answered. */
export const UPSTREAM_NAMES = {
  'ipv4only.arpa': '192.0.0.170', // RFC 7050
  'portal.example.org': MACHINES.portal.outside,
  'login.example.org': MACHINES.provider.outside,
  'services.example.org': MACHINES.provider.outside,
  'public.example.org': '203.0.113.66',
  'gitlab.example.org': '203.0.113.66',
  'jenkins.example.org': '203.0.113.66',
} as const

/** Names at the site's name server, with two web names on one address. */
export const SITE_NAMES = {
  'portal.example.org': MACHINES.portal.outside,
  'gitlab.example.org': MACHINES.web.site,
  'jenkins.example.org': MACHINES.web.site,
} as const

/** Port of the protected servers that the resources' filters allow. */
export const WEB_PORT = 80
/** Port of the protected servers that the filters refuse. */
export const ADMIN_PORT = 8081
