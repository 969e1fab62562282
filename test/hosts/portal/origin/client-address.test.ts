import { expect } from 'chai'
import * as fc from 'fast-check'
import { isIP } from 'node:net'
import { describe, it } from 'mocha'
import { OperatorError } from '../../../../core/config/operator-error.ts'
import { untrustedProxyWarning } from '../../../../hosts/portal/origin/untrusted-proxy.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { clientAddressBehind } from '../../../../hosts/portal/origin/client-address.ts'

describe("a client's address", () => {
  const behind = clientAddressBehind(['192.0.2.0/24', '2001:db8::1'])

  it("a client's address is the socket's, whatever a header claims", () => {
    const direct = { socketAddress: '198.51.100.7', forwardedFor: '203.0.113.9' }
    expect(behind(direct)).to.equal('198.51.100.7')
    expect(behind({ socketAddress: '::ffff:198.51.100.7', forwardedFor: undefined })).to.equal('198.51.100.7')
  })

  it("a client's address is the right-most untrusted entry behind trusted proxies", () => {
    const forwardedFor = '10.9.9.9, 203.0.113.9, 192.0.2.8'
    expect(behind({ socketAddress: '192.0.2.1', forwardedFor })).to.equal('203.0.113.9')
    expect(behind({ socketAddress: '2001:db8::1', forwardedFor: ['1.1.1.1', '203.0.113.9:4711'] })).to.equal(
      '203.0.113.9',
    )
    expect(behind({ socketAddress: '192.0.2.1', forwardedFor: '[2001:DB8::7]:443' })).to.equal('2001:db8::7')
  })

  it("a client's address is the last proxy's where the header is missing or is no address", () => {
    expect(behind({ socketAddress: '192.0.2.1', forwardedFor: undefined })).to.equal('192.0.2.1')
    expect(behind({ socketAddress: '192.0.2.1', forwardedFor: '203.0.113.9, nonsense' })).to.equal('192.0.2.1')
    expect(behind({ socketAddress: '192.0.2.1', forwardedFor: '010.1.1.1' })).to.equal('192.0.2.1')
  })

  it("a client's address is an address for any header whatever", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('1', '.', ',', ':', '[', ']', ' ') })),
        (header) => {
          expect(isIP(behind({ socketAddress: '192.0.2.1', forwardedFor: header }))).not.to.equal(0)
        },
      ),
    )
  })

  it('a trusted proxy that is no address is refused by name', () => {
    for (const text of ['proxy.example.org', '192.0.2.0/33', '192.0.2.0/x', '']) {
      expect(() => clientAddressBehind([text])).to.throw(OperatorError, text)
    }
  })

  it('a proxy that is not trusted is logged once, and of few others', () => {
    const logger = new RecordingLogger()
    const of = clientAddressBehind(['192.0.2.1'], untrustedProxyWarning(logger))
    of({ socketAddress: '192.0.2.1', forwardedFor: '203.0.113.9' })
    of({ socketAddress: '192.0.2.7', forwardedFor: undefined })
    expect(logger.lines).to.deep.equal([])
    for (let host = 0; host < 100; host++) {
      of({ socketAddress: '192.0.2.2', forwardedFor: '203.0.113.9' })
      of({ socketAddress: `198.51.100.${host}`, forwardedFor: '203.0.113.9' })
    }
    expect(logger.lines.map(({ level, fields }) => [level, fields['address']])).to.deep.equal([
      ['warn', '192.0.2.2'],
      ['warn', '198.51.100.0'],
      ['warn', '198.51.100.1'],
    ])
    expect(logger.lines[0]?.message).to.include('trusted_proxies')
  })
})
