import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { connectRefusal, connectUrl } from '../../../core/control/connect-request.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { readFileSync } from 'node:fs'

const example = (name: string) =>
  JSON.parse(readFileSync(`test/vector/protocol/examples/${name}.json`, 'utf8')) as {
    path: string
    rawQuery: string
    status: number
    headers: Record<string, string>
    body: unknown
  }

const PEER = {
  role: 'client' as const,
  portalUrl: 'https://portal.example.org',
  id: '2980bc6b-b328-4bfb-a34c-65c6a9680a63',
  name: 'ada-laptop',
  publicKey: 'DamRXYcNuuCaVzC0CV/vYbwBR8JTnSc1hZmr8oKOdRg=',
}

describe('connecting to a portal', () => {
  it('a connect request is as in the example, without device identifiers', () => {
    const { path, rawQuery } = example('http.connect.client')
    const wanted = rawQuery.replace(/&device_serial=[^&]*&device_uuid=[^&]*/, '')
    expect(connectUrl(PEER)).to.equal(`wss://portal.example.org${path}?${wanted}`)
  })

  it('only an ephemeral gateway’s connect request says so', () => {
    const gateway = { ...PEER, role: 'gateway' as const }
    expect(connectUrl({ ...gateway, isEphemeral: false })).to.equal(connectUrl(gateway))
    expect(connectUrl({ ...gateway, isEphemeral: true })).to.equal(`${connectUrl(gateway)}&ephemeral=true`)
  })

  it('a connect request keeps a prefix and a port of the portal’s URL, and plain text where that was asked for', () => {
    expect(connectUrl({ ...PEER, role: 'gateway', portalUrl: 'http://192.0.2.1:8080/base/' })).to.match(
      /^ws:\/\/192\.0\.2\.1:8080\/base\/gateway\/v2\/websocket\?external_id=/,
    )
  })

  for (const [name, expected] of [
    ['http.refused.invalid_token', { status: 401, code: 'invalid_token' }],
    ['http.refused.account_disabled', { status: 403, code: 'account_disabled' }],
    ['http.refused.rate_limit', { status: 503, code: 'rate_limit', retryAfterMs: 1_000 }],
  ] as const) {
    it(`reads ${name}`, () => {
      const { status, headers, body } = example(name)
      const lower = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]))
      const refusal = connectRefusal(
        { status, headers: lower, body: JSON.stringify(body) },
        { url: 'wss://portal.example.org/', now: unixTime(0) },
      )
      const { problem, ...told } = refusal
      expect(told).to.deep.equal({ type: 'connectionRefused', ...expected })
      expect(problem).to.include({ step: 'upgrade', code: expected.code })
    })
  }

  it('any answer to a connect request is read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), fc.string(), (body, wait) => {
        const refusal = connectRefusal(
          { status: 500, headers: { 'retry-after': wait }, body },
          { url: '', now: unixTime(0) },
        )
        expect(refusal.status).to.equal(500)
        if (refusal.code !== undefined) expect(refusal.code).to.match(/^[a-z0-9_]+$/)
      }),
    )
  })
})
