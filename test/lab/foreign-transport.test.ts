import { expect } from 'chai'
import { describe, it } from 'mocha'
import { fetchPage } from '../../hosts/lab/page.ts'
import { PATIENCE_MS } from '../kit/patience.ts'
import { CLIENT_HOST, ipv4Of, TARGET_HOST, WEB_PORT } from './bed/topology.ts'
import { useBed } from './bed/use-bed.ts'

const plugins = (...names: string[]): { use: string }[] => names.map((name) => ({ use: `builtin:${name}` }))
/** Configuration that loads two transports and chooses the one that is not WireGuard. */
const MEMORY = { plugins: plugins('transport-wireguard', 'transport-memory', 'resolver-system'), transport: 'memory' }

describe('X1 a tunnel transport that is not WireGuard', function () {
  this.timeout(240_000)
  const target = ipv4Of('site', TARGET_HOST)
  const bed = useBed(async (bed) => {
    await bed.startGateway('gateway', { settings: MEMORY })
    await bed.resource('wiki', target)
    await bed.startClient('client', { settings: MEMORY })
  })

  it('X1 the page of a resource passes between a real client and a real gateway of the other transport, in the script lane', async () => {
    await bed().knows('wiki')
    expect(await bed().page(`http://${target}:${WEB_PORT}/`)).to.include({ server: 'target' })
    for (const name of ['client', 'gateway']) expect(bed().part(name).output).to.include('exports no keys')
    expect(await bed().status()).to.have.nested.property('transport.plugin', 'transport-memory')
  })

  it('X1 a client of WireGuard and the admin are told that the gateway has another transport', async () => {
    await bed().join('client-2', [{ network: 'lan', host: CLIENT_HOST + 1 }])
    await bed().startClient('client-2')
    await bed().knows('wiki', 'client-2')
    const url = `http://${target}:${WEB_PORT}/`
    const answer = await fetchPage(bed().machine('client-2'), url, { timeoutMs: PATIENCE_MS })
    expect(answer.ok).to.equal(false)
    const wiki = (await bed().status('client-2')).resources.find(({ id }) => id === bed().id('wiki'))
    expect(JSON.stringify(wiki)).to.include('another tunnel transport')
    const clients = await bed().api.list('clients')
    const client = String(clients.find(({ name }) => name === 'client-2')?.id)
    const question = { actor: bed().id('person'), resource: bed().id('wiki'), client_id: client }
    const { text } = await bed().api.create('policies/explain', question)
    expect(JSON.stringify(text)).to.include('none carries packets by wireguard, as this client does, but by memory')
  })
})
