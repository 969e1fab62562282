import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect } from 'chai'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { SECOND } from '../../../core/runtime/time.ts'
import { ServedCertificate } from '../../../hosts/runtime/served-certificate.ts'
import { makeAuthority, type Authority, type Certificate } from '../../kit/certificate.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const NAME = 'portal.example.org'

describe('the certificate of a server', () => {
  let authority: Authority
  let first: Certificate
  let second: Certificate
  let foreign: Certificate
  let folder: string
  let clock: VirtualClock
  let logger: RecordingLogger
  let certificate: ServedCertificate
  let server: Server

  before(async () => {
    authority = await makeAuthority()
    ;[first, second, foreign] = await Promise.all([
      authority.issue([NAME]),
      authority.issue([NAME, 'other.example.org']),
      authority.issue(['elsewhere.example.org']),
    ])
    folder = await mkdtemp(join(tmpdir(), 'portreeve-certificate-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  beforeEach(async () => {
    await write(first)
    // The present: certificates are judged by it.
    clock = new VirtualClock({ startUnix: Date.now() })
    logger = new RecordingLogger()
    certificate = new ServedCertificate({ files: files(), role: 'portal', clock, logger })
    certificate.start()
    server = createServer(certificate.pair, (_, response) => response.end('here'))
    certificate.onRenewal((pair) => server.setSecureContext(pair))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    certificate.stop()
    await new Promise((resolve) => server.close(resolve))
  })

  const files = () => ({ certificate_file: join(folder, 'cert.pem'), key_file: join(folder, 'key.pem') })

  const write = async ({ cert, key }: { cert: string; key: string }): Promise<void> => {
    await writeFile(join(folder, 'cert.pem'), cert)
    await writeFile(join(folder, 'key.pem'), key)
  }

  /** Opens a connection and returns the names of the certificate that it is shown. */
  const shown = (): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo
      const socket = connect({ port, host: '127.0.0.1', servername: NAME, ca: authority.cert }, () => {
        resolve(socket.getPeerCertificate().subjectaltname)
        socket.destroy()
      })
      socket.once('error', reject)
    })

  const warnings = () => logger.lines.filter(({ level }) => level === 'warn')

  it('a renewed certificate is shown to new connections without a restart', async () => {
    expect(await shown()).to.equal(`DNS:${NAME}`)
    await write(second)
    clock.advance(10 * SECOND)
    expect(await shown()).to.equal(`DNS:${NAME}, DNS:other.example.org`)
    expect(warnings()).to.deep.equal([])
  })

  for (const [what, files, reason] of [
    ['a key of another certificate', () => ({ cert: second.cert, key: first.key }), /mismatch/],
    ['an empty file', () => ({ cert: '', key: second.key }), /./],
    ['a certificate for another name', () => foreign, /it is not for portal\.example\.org, but for DNS:elsewhere/],
  ] as const) {
    it(`${what} is refused with one line, and the one in use goes on`, async () => {
      await write(files())
      clock.advance(60 * SECOND)
      expect(await shown()).to.equal(`DNS:${NAME}`)
      expect(warnings()).to.have.length(1)
      expect(certificate.problem).to.match(reason)
      await write(second)
      clock.advance(10 * SECOND)
      expect(await shown()).to.include('other.example.org')
      expect(certificate.problem).to.equal(undefined)
    })
  }

  it('a certificate whose key follows a moment later is taken without a complaint', async () => {
    await writeFile(join(folder, 'cert.pem'), second.cert)
    clock.advance(10 * SECOND)
    await writeFile(join(folder, 'key.pem'), second.key)
    clock.advance(10 * SECOND)
    expect(await shown()).to.include('other.example.org')
    expect(warnings()).to.deep.equal([])
  })

  it('files that are removed are refused, and the certificate in use goes on', async () => {
    await rm(join(folder, 'key.pem'))
    clock.advance(20 * SECOND)
    expect(await shown()).to.equal(`DNS:${NAME}`)
    expect(certificate.problem).to.match(/ENOENT/)
  })

  it('files that cannot be used at the start are an error with their names', async () => {
    await write({ cert: first.cert, key: second.key })
    const open = () => new ServedCertificate({ files: files(), role: 'portal', clock, logger })
    expect(open)
      .to.throw(/cert\.pem and key .*key\.pem cannot be used/)
      .with.property('code', 'PORTAL_CERTIFICATE')
  })
})
