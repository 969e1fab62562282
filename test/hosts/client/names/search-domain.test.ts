import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { ClientInterface } from '../../../../core/control/client-messages.ts'
import { createResolverConfiguration } from '../../../../hosts/runtime/index.ts'

const INTERFACE = { ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' }
const HOSTILE = [
  'corp.example.org\nnameserver 192.0.2.66',
  'corp.example.org\rnameserver 192.0.2.66',
  'a\toptions rotate',
  'a b',
  'corp.example.org # ',
  '-rf',
  '~.',
  '.',
  '..',
  'a..b',
  '',
  '\u202eorg',
  `${'a'.repeat(64)}.org`,
  `${'a.'.repeat(127)}org`,
]

describe('the search domain that a portal names', () => {
  it('a portal’s search domain is a name or none: nothing else comes out of its message', () => {
    for (const search_domain of HOSTILE) {
      expect(ClientInterface.parse({ ...INTERFACE, search_domain }).search_domain, search_domain).to.equal(null)
    }
    for (const search_domain of ['example.org', 'corp.example.org.', 'x_y.EXAMPLE', 'xn--bcher-kva.example']) {
      expect(ClientInterface.parse({ ...INTERFACE, search_domain }).search_domain).to.equal(search_domain)
    }
  })

  it('a portal’s search domain writes no line into resolv.conf but its own, nor does a name server, whoever passes them on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'search-'))
    const path = join(folder, 'resolv.conf')
    await writeFile(path, 'nameserver 192.0.2.53\n')
    const resolver = createResolverConfiguration({ mode: 'resolv-conf', path })
    const refused = async (settings: object): Promise<boolean> =>
      resolver.set({ device: 'tun0', servers: ['100.100.111.1'], searchDomain: undefined, ...settings }).then(
        () => false,
        () => true,
      )
    for (const searchDomain of HOSTILE) expect(await refused({ searchDomain }), searchDomain).to.equal(true)
    for (const server of ['192.0.2.1\noptions rotate', 'name.example.org', '--help']) {
      expect(await refused({ servers: [server] }), server).to.equal(true)
    }
    expect(await readFile(path, 'utf8')).to.equal('nameserver 192.0.2.53\n')
    await rm(folder, { recursive: true })
  })
})
