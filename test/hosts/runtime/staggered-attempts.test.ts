import { expect } from 'chai'
import { describe, it } from 'mocha'
import { firstConnection, interleaved } from '../../../hosts/runtime/staggered-attempts.ts'

describe('attempts to reach a host at its addresses', () => {
  it('addresses of both families take turns, beginning with the resolver’s first', () => {
    const [a, b, c] = ['2001:db8::1', '2001:db8::2', '2001:db8::3']
    expect(interleaved([a, b, c, '192.0.2.1'])).to.deep.equal([a, '192.0.2.1', b, c])
    expect(interleaved(['192.0.2.1', '192.0.2.2', a])).to.deep.equal(['192.0.2.1', a, '192.0.2.2'])
    expect(interleaved(['192.0.2.1', a, b])).to.deep.equal(['192.0.2.1', a, b])
    expect(interleaved([])).to.deep.equal([])
  })

  it('a silent address keeps the next one from nothing, is given up when that answers, and discarded when it answers later', async () => {
    const discarded: string[] = []
    let answerLate = (): void => undefined
    const connection = await firstConnection<string>({
      addresses: ['192.0.2.1', '192.0.2.2'],
      host: 'portal.example.org',
      attempt: (address, signal) =>
        address === '192.0.2.2'
          ? Promise.resolve(address)
          : new Promise((resolve) => {
              signal.addEventListener('abort', () => (answerLate = () => resolve(address)))
            }),
      discard: (late) => discarded.push(late),
    })
    expect(connection).to.equal('192.0.2.2')
    answerLate()
    await Promise.resolve()
    await Promise.resolve()
    expect(discarded).to.deep.equal(['192.0.2.1'])
  })

  it('a host whose addresses all fail is reported with each failure and the first code', async () => {
    const error = await firstConnection({
      addresses: ['192.0.2.1', '192.0.2.2'],
      host: 'portal.example.org',
      attempt: (address) => Promise.reject(Object.assign(new Error(`no ${address}`), { code: 'ECONNREFUSED' })),
      discard: () => undefined,
    }).catch((reason: unknown) => reason)
    expect(error).to.include({ code: 'ECONNREFUSED', message: 'no 192.0.2.1; no 192.0.2.2' })
  })
})
