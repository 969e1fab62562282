import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { ControlPeer, type ConnectRefused } from '../../kit/control-peer.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { Postgres } from '../../kit/postgres.ts'

describe('a portal whose database went away', function () {
  this.timeout(300_000)
  let postgres: Postgres | undefined
  let portal: PortalFixture
  let clientToken: string

  before(async function () {
    postgres = await Postgres.start(this)
    portal = await PortalFixture.start({ config: { database: { driver: 'pg', ...(await postgres.newDatabase()) } } })
    const ada = await portal.create('/actors', { name: 'Ada' })
    clientToken = (await portal.create(`/actors/${ada.id}/client_tokens`)).token
    await postgres.stop()
  })
  after(async () => {
    await portal?.stop()
    await postgres?.stop()
  })

  it('a portal without its database answers programs with 503, a code and a time to wait, for reading as for writing', async () => {
    for (const [method, path, body] of [
      ['GET', '/actors', undefined],
      ['POST', '/actors', { name: 'Eve' }],
    ] as const) {
      const answer = await portal.api(method, path, body)
      expect(answer.status, method).to.equal(503)
      expect(answer.body).to.include({ code: 'database_unavailable' })
      expect(answer.headers.get('retry-after')).to.equal('5')
    }
  })

  it('a portal without its database shows people a page that says so', async () => {
    const response = await fetch(`${portal.url}/example/sign_in`)
    expect(response.status).to.equal(503)
    expect(await response.text()).to.include('database')
  })

  it('a portal without its database has clients and gateways try again later, and says why', async () => {
    const refusal = await ControlPeer.connect({ url: portal.url, role: 'client', token: clientToken }).then(
      () => Promise.reject(new Error('was not refused')),
      (error: Error) => error.cause as ConnectRefused,
    )
    expect(refusal.status).to.equal(503)
    expect(refusal.body).to.include({ code: 'rate_limit', reason: 'database_unavailable' })
    expect(refusal.headers['retry-after']).to.equal('5')
  })
})
