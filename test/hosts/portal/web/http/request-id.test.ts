import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PortalFixture } from '../../../../kit/portal-fixture.ts'

const MADE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

describe('the id of a request to the portal', () => {
  let portal: PortalFixture
  before(async () => {
    portal = await PortalFixture.start()
  })
  after(async () => portal.stop())

  const ask = async (path: string, id?: string) =>
    fetch(`${portal.url}${path}`, { redirect: 'manual', headers: id === undefined ? {} : { 'x-request-id': id } })
  const idOf = ({ headers }: Response): string => headers.get('x-request-id') ?? ''

  it('an id of a request is in each answer, another one each time', async () => {
    const ids = []
    for (const path of ['/healthz', '/openapi.json', '/example/home', '/assets/portal.css', '/api/v1/sites'])
      ids.push(idOf(await ask(path)))
    for (const id of ids) expect(id).to.match(MADE)
    expect(new Set(ids).size).to.equal(ids.length)
  })

  it('an id of a request is in the problem that it ends in, as JSON and as a page', async () => {
    const refused = await ask('/api/v1/sites')
    expect(((await refused.json()) as { request_id: string }).request_id).to.equal(idOf(refused))
    const missing = await ask('/nowhere/at/all', 'from-a-proxy_1')
    expect(missing.status).to.equal(404)
    expect(await missing.text()).to.contain('<code>from-a-proxy_1</code>')
  })

  it('an id of a request is its sender’s where it is short and plain, and never another text of hers', async () => {
    expect(idOf(await ask('/healthz', 'trace-17'))).to.equal('trace-17')
    for (const odd of ['a b', '<script>', 'x'.repeat(65), 'a;b', 'a"b'])
      expect(idOf(await ask('/healthz', odd))).to.match(MADE)
  })

  it('an id of a request is in the lines that the log has about it', async () => {
    await ask('/client/v2/websocket', 'logged-once')
    expect(portal.logger.lines.map(({ fields }) => fields['requestId'])).to.include('logged-once')
  })
})
