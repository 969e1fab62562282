import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { Namespace } from '../../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../../hosts/lab/run-directory.ts'
import { needsKernel } from '../../kit/needs-kernel.ts'

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const PORTAL = 'portal.example.org:8080'
/** A single attempt is given up after 5 s, and an attempt of a pinned request after 2 s. */
const SOON_MS = 2_000

/** A client, a proxy and a portal on one network, whose IPv6 addresses answer nothing. */
describe('ways out of a network', function () {
  this.timeout(240_000)
  needsKernel()
  let run: RunDirectory
  let client: Namespace
  let portal: Namespace

  before(async () => {
    run = await RunDirectory.open()
    client = await Namespace.create(run, 'client')
    portal = await Namespace.create(run, 'portal')
    await client.veth({ device: 'eth0', to: portal, toDevice: 'eth0' })
    await client.address('eth0', '192.0.2.1/24')
    await portal.address('eth0', '192.0.2.2/24')
    await portal.address('eth0', '192.0.2.3/24')
    const server = portal.spawn(process.execPath, [program('page-server.js'), '192.0.2.2', '8080'], { name: 'portal' })
    await server.line((line) => line === 'listening')
    // Frames to a card that is nowhere are answered by nobody: a black hole, where a missing neighbour would be an error.
    await client.address('eth0', '2001:db8::1/64')
    for (const address of ['2001:db8::2', '2001:db8::3']) {
      await client.ip(['neighbour', 'add', address, 'lladdr', '02:00:00:00:00:02', 'dev', 'eth0', 'nud', 'permanent'])
    }
    await client.etc(
      'hosts',
      ['2001:db8::2', '2001:db8::3', '192.0.2.2'].map((address) => `${address} portal.example.org\n`).join(''),
    )
  })
  after(async () => {
    await run?.close()
  })

  const attempts = async (more: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const args = [...variables, process.execPath, program('ways-out.js'), PORTAL, ...more]
    const { stdout } = await client.mustRun('env', args)
    return JSON.parse(stdout) as { got: string; ms: number }[]
  }

  // WebSockets are the control channels of clients (marked) and gateways, the streams of both through relays, and the
  // registration of a relay; a portal makes requests of both kinds.
  it('a host whose two AAAA records lead into a black hole is reached over IPv4 within 2 s by each WebSocket, marked or not, and each request, pinned or not', async () => {
    const unmarked = await attempts(['unmarked', '2001:db8::2', '2001:db8::3', '192.0.2.2'])
    const results = [...unmarked, ...(await attempts(['marked']))]
    const [opened, page] = ['opened', 'page']
    expect(results.map(({ got }) => got)).to.deep.equal([opened, opened, page, page, page, opened, opened, page])
    for (const { ms } of results) expect(ms).to.be.below(SOON_MS)
  })

  it('a portal behind tinyproxy is reached by HTTP_PROXY, and with a user and password where it wants them', async () => {
    await client.etc('hosts', '192.0.2.3 proxy.example.org\n') // the portal's name is the proxy's to look up
    await portal.etc('hosts', '192.0.2.2 portal.example.org\n')
    const startProxy = async (port: number, more = ''): Promise<void> => {
      const config = `Port ${port}\nListen 192.0.2.3\nTimeout 60\nMaxClients 10\nAllow 192.0.2.0/24\n${more}`
      const path = await run.write(`tinyproxy-${port}.conf`, config)
      const proxy = portal.spawn('tinyproxy', ['-d', '-c', path], { name: 'tinyproxy' })
      await proxy.line((line) => line.includes('Accepting connections'))
    }
    await startProxy(3128)
    await startProxy(3129, 'BasicAuth ada secret\n')
    const got = async (proxy: string) => (await attempts([], { HTTP_PROXY: proxy })).map((result) => result.got)
    const reached = ['opened', 'opened', 'page']
    expect(await got('http://proxy.example.org:3128')).to.deep.equal(reached)
    expect(await got('http://ada:secret@proxy.example.org:3129')).to.deep.equal(reached)
    const [refused] = await got('http://proxy.example.org:3129')
    expect(refused).to.match(/^proxy PROXY_AUTHENTICATION .*407/)
    expect((await attempts([], { HTTP_PROXY: 'http://proxy.example.org:3128', no_proxy: 'example.org' }))[0]?.got).to.match(/^name /) // prettier-ignore
  })
})
