import { expect } from 'chai'
import { describe, it } from 'mocha'
import { NameLookups } from '../../../../core/flow/gateway/name-lookups.ts'
import { instant, SECOND } from '../../../../core/runtime/time.ts'

const asked = (peer: string, name: number) => ({
  peer,
  resourceId: 'wiki',
  domain: `${name}.example.org`,
  mappedIps: [],
})

describe('the names that a gateway waits for', () => {
  it('waiting look-ups of names are bounded for each client, and keep no other client from asking', () => {
    const lookups = new NameLookups()
    for (let name = 0; name < 64; name++) expect(lookups.ask(asked('ada', name), instant(0))).to.equal(name)
    expect(lookups.ask(asked('ada', 64), instant(0))).to.equal('lookups-exhausted')
    expect(lookups.ask(asked('bob', 64), instant(0))).to.equal(64)
    expect(lookups.take(7)?.domain).to.equal('7.example.org')
    expect(lookups.ask(asked('ada', 64), instant(0))).to.equal(65)
  })

  it('names are looked up once, and again when nobody answered for ten seconds', () => {
    const lookups = new NameLookups()
    expect(lookups.ask({ ...asked('ada', 1), mappedIps: ['100.96.0.1'] }, instant(0))).to.equal(0)
    const again = { ...asked('ada', 1), mappedIps: ['100.96.0.2'] }
    expect(lookups.ask(again, instant(10 * SECOND - 1))).to.equal('lookup-waiting')
    expect(lookups.ask(again, instant(10 * SECOND))).to.equal(1)
    expect([lookups.take(0), lookups.take(1)?.mappedIps, lookups.take(1)]).to.deep.equal([
      undefined,
      ['100.96.0.2'],
      undefined,
    ])
  })

  it('waiting look-ups of names are forgotten with their client', () => {
    const lookups = new NameLookups()
    for (let name = 0; name < 64; name++) lookups.ask(asked('ada', name), instant(0))
    lookups.forget('ada')
    expect(lookups.take(3)).to.equal(undefined)
    expect(lookups.ask(asked('ada', 3), instant(0))).to.equal(64)
  })
})
