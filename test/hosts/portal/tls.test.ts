import { writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { makeAuthority, type Authority, type Certificate } from '../../kit/certificate.ts'
import { freePort } from '../../kit/free-port.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import { PortalProcess } from '../../kit/portal-process.ts'

describe('a portal that does TLS itself', function () {
  this.timeout(2 * PATIENCE_MS)
  let authority: Authority
  let portal: PortalProcess

  before(async () => {
    authority = await makeAuthority()
    const port = await freePort('127.0.0.1')
    const tls = { certificate_file: 'cert.pem', key_file: 'key.pem' }
    portal = await PortalProcess.configure({ listen: { port, tls }, public_url: `https://localhost:${port}` })
    await put(await authority.issue(['localhost']))
    await portal.start()
  })
  after(() => portal.remove())

  const put = async ({ cert, key }: Certificate): Promise<void> => {
    await writeFile(join(portal.folder, 'cert.pem'), cert)
    await writeFile(join(portal.folder, 'key.pem'), key)
  }

  /** Asks the portal for a page, on a connection of its own. */
  const ask = (path: string): Promise<{ names: string | undefined; body: string; headers: object }> =>
    new Promise((resolve, reject) => {
      const url = `https://localhost:${new URL(portal.url).port}${path}`
      get(url, { ca: authority.cert, agent: false, family: 4 }, (response) => {
        const names = (response.socket as TLSSocket).getPeerCertificate().subjectaltname
        text(response).then((body) => resolve({ names, body, headers: response.headers }), reject)
      }).once('error', reject)
    })

  it('a portal with a certificate answers HTTPS, says so in its URL, and tells browsers to stay with it', async () => {
    expect(portal.url).to.match(/^https:/)
    const { names, headers } = await ask('/readyz')
    expect(names).to.equal('DNS:localhost')
    expect(headers).to.have.property('strict-transport-security')
    expect((await ask('/metrics')).body).to.match(/portreeve_portal_certificate_expiry_seconds \d{10}/)
  })

  it('SIGHUP has a renewed certificate read at once, and a bad one refused aloud', async () => {
    await put(await authority.issue(['localhost', 'renewed.example.org']))
    process.kill(portal.pid, 'SIGHUP')
    await portal.said(/uses its renewed certificate/)
    expect((await ask('/readyz')).names).to.include('renewed.example.org')
    await writeFile(join(portal.folder, 'key.pem'), 'no key')
    process.kill(portal.pid, 'SIGHUP')
    await portal.said(/renewed certificate cannot be used/)
    const { names, body } = await ask('/readyz')
    expect(names).to.include('renewed.example.org')
    expect(body).to.include('The renewed certificate cannot be used')
  })
})
