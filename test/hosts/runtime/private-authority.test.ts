import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, before, beforeEach, describe, it } from 'mocha'
import { answerTo, parseQuery, writeQuery } from '../../../core/dns/message.ts'
import { createDnsExchange, createHttpClient } from '../../../hosts/runtime/index.ts'
import { makeAuthority, type Authority } from '../../kit/certificate.ts'
import { DnsServer, type DnsHandler } from '../../kit/dns-server.ts'
import { HttpsDnsServer } from '../../kit/https-dns-server.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const NAME = 'private.example.org'
const query = writeQuery({ id: 7, name: 'www.example.com', type: 1 }) ?? new Uint8Array()
const answer: DnsHandler = ({ message }) => {
  const verdict = parseQuery(message)
  return verdict.type === 'query' ? [answerTo(verdict.query, { code: 0 })] : []
}

/**
 * Each test is one way by which a host opens TLS to a server whose certificate the operator's own authority has signed.
 */
describe('a private authority in the system’s store', () => {
  let authority: Authority
  let folder: string
  const kept = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'].map((name) => [name, process.env[name]] as const)

  before(async () => {
    authority = await makeAuthority()
  })

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-store-'))
    delete process.env['NODE_EXTRA_CA_CERTS']
    process.env['SSL_CERT_FILE'] = join(folder, 'ca-certificates.crt')
    await writeFile(join(folder, 'ca-certificates.crt'), authority.cert)
  })

  afterEach(async () => {
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    await rm(folder, { recursive: true })
  })

  it('a private authority is trusted by DNS over TLS', async () => {
    const server = await DnsServer.start(answer, await authority.issue([NAME]))
    try {
      const about = { protocol: 'tls', server: server.endpoint, message: query, timeoutMs: PATIENCE_MS } as const
      expect([...(await createDnsExchange().send({ ...about, serverName: NAME }))].slice(0, 2)).to.deep.equal([0, 7])
      const refused = await createDnsExchange()
        .send({ ...about, serverName: 'other.example.org' })
        .then(
          () => undefined,
          (error: { code?: string }) => error.code,
        )
      expect(refused).to.equal('ERR_TLS_CERT_ALTNAME_INVALID')
    } finally {
      await server.stop()
    }
  })

  for (const http1 of [false, true]) {
    it(`a private authority is trusted by requests to known addresses, over HTTP/${http1 ? '1.1' : '2'}`, async () => {
      const server = await HttpsDnsServer.start(answer, { ...(await authority.issue([NAME])), http1 })
      try {
        const response = await createHttpClient().send({
          method: 'POST',
          url: `https://${NAME}:${server.port}/dns-query`,
          headers: { 'content-type': 'application/dns-message' },
          body: query,
          timeoutMs: PATIENCE_MS,
          maxBytes: 65_535,
          addresses: ['127.0.0.1'],
        })
        expect(response.status).to.equal(200)
      } finally {
        await server.stop()
      }
    })
  }

  it('a private authority is trusted by requests to names that the system looks up', async () => {
    const server = await HttpsDnsServer.start(answer, { ...(await authority.issue(['localhost'])), http1: true })
    try {
      const response = await createHttpClient().send({
        method: 'POST',
        url: `https://localhost:${server.port}/dns-query`,
        headers: { 'content-type': 'application/dns-message' },
        body: query,
        timeoutMs: PATIENCE_MS,
        maxBytes: 65_535,
      })
      expect(response.status).to.equal(200)
    } finally {
      await server.stop()
    }
  })
})
