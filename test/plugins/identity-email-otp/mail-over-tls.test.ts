import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { createSecretFiles, createTrustedAuthorities } from '../../../hosts/runtime/index.ts'
import { Config } from '../../../plugins/identity-email-otp/config.ts'
import { PostOffice } from '../../../plugins/identity-email-otp/post-office.ts'
import { makeAuthority, type Authority, type Certificate } from '../../kit/certificate.ts'
import { codeIn, MailSink } from '../../kit/mail-sink.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'

describe('mail over TLS to a server whose certificate is of a private authority', () => {
  const named = Object.fromEntries(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'].map((name) => [name, process.env[name]]))
  let folder: string
  let authority: Authority
  let certificate: Certificate
  let systemFile: string

  before(async () => {
    for (const name of Object.keys(named)) Reflect.deleteProperty(process.env, name)
    folder = await mkdtemp(join(tmpdir(), 'portreeve-mail-'))
    systemFile = join(folder, 'ca-certificates.crt')
    authority = await makeAuthority()
    certificate = await authority.issue(['127.0.0.1'])
  })
  after(async () => {
    for (const [name, value] of Object.entries(named)) if (value !== undefined) process.env[name] = value
    await rm(folder, { recursive: true })
  })

  for (const tls of ['starttls', 'always'] as const) {
    it(`mail over TLS is delivered (tls: ${tls}) once the system's store has the authority, without a restart, and not before`, async () => {
      const stranger = await makeAuthority()
      await writeFile(systemFile, stranger.cert)
      const sink = await MailSink.start({ certificate, isSecure: tls === 'always' })
      const logger = new RecordingLogger()
      const config = Config.parse({ smtp: { host: '127.0.0.1', port: sink.port, tls }, from: 'portreeve@example.org' })
      const authorities = createTrustedAuthorities({ systemFiles: [systemFile] })
      const post = new PostOffice(config, { logger, secretFiles: createSecretFiles('.'), authorities })
      await post.open()
      try {
        const refused = logger.next(/could not be sent/)
        post.post('ada@example.org', 'ABC346')
        expect((await refused).level).to.equal('warn')
        expect(sink.mails).to.have.length(0)
        await writeFile(systemFile, `${stranger.cert}\n${authority.cert}`)
        post.post('ada@example.org', 'ABC347')
        expect(codeIn(await sink.mailTo('ada@example.org'))).to.equal('ABC 347')
      } finally {
        post.close()
        await sink.stop()
      }
    })
  }
})
