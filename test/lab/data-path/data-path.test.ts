import { describe } from 'mocha'
import { ipv4Of, ipv6Of, TARGET_HOST, WEB_PORT } from '../bed/topology.ts'
import { useBed } from '../bed/use-bed.ts'
import { changeTests } from './changes.ts'
import { errorTests } from './errors.ts'
import { expiryTests } from './expiry.ts'
import { hostileGatewayTests } from './hostile-gateway.ts'
import { hostTests } from './hosts.ts'
import { internetTests } from './internet.ts'
import { lyingClientTests } from './lies.ts'
import { natTests } from './nat.ts'
import { noPathTests } from './no-path.ts'
import { pathMtuTests } from './path-mtu.ts'
import { posingClientTests } from './poses.ts'
import { resourceTests } from './resources.ts'
import { toolTests } from './tools.ts'

describe('the data path, on the kernel', function () {
  this.timeout(240_000)
  const bed = useBed(async (bed) => {
    const web = { protocol: 'tcp', ports: [String(WEB_PORT)] } as const
    await bed.startGateway('gateway')
    for (const name of ['first', 'first6', 'wiki']) await bed.resource(`${name}.example.org`, `${name}.example.org`)
    await bed.resource('web.example.org', 'web.example.org', [web])
    await bed.resource('target', `${ipv4Of('site', TARGET_HOST)}/32`, [web])
    await bed.resource('target6', `${ipv6Of('site', TARGET_HOST)}/128`, [web])
    await bed.resource('far.example.org', 'far.example.org')
    const oneFamily = { name: 'only6.example.org', type: 'dns', address: 'only6.example.org', ip_stack: 'ipv6_only' }
    await bed.make('only6.example.org', 'resources', { ...oneFamily, site_id: bed.id('site'), filters: [] })
    await bed.allow('only6.example.org')
    await bed.resource('*.own.example.org', '*.own.example.org')
    await bed.resource('far', '10.30.0.0/24')
    await bed.resource('far6', '2001:db8:30::/64')
    await bed.startClient('client')
  })

  resourceTests(bed)
  errorTests(bed)
  pathMtuTests(bed)
  toolTests(bed)
  changeTests(bed)
  lyingClientTests(bed)
  posingClientTests(bed)
  expiryTests(bed)
  hostileGatewayTests(bed)
  noPathTests(bed)
  natTests(bed)
  hostTests(bed)
  internetTests(bed)
})
