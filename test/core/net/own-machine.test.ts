import { expect } from 'chai'
import { describe, it } from 'mocha'
import { ownMachineIn } from '../../../core/net/own-machine.ts'

describe("a server of the machine itself, in settings of anybody's resolver plugin", () => {
  const own = ['127.0.0.1', '127.9.9.9:53', '::1', '[::1]:53', '64:ff9b::7f00:1', 'localhost', 'dns.localhost.:53']
  const urls = [
    'https://127.0.0.1/dns-query',
    'https://0x7f.1/',
    'https://[::1]:8443/',
    'http://localhost',
    'tls://[::1]',
  ]

  it('is found by address, name or URL, wherever it stands, with its place', () => {
    for (const text of [...own, ...urls]) {
      expect(ownMachineIn({ servers: [{ port: 53 }, { at: text }] }), text).to.deep.equal(['servers', '1', 'at'])
      expect(ownMachineIn(text), text).to.deep.equal([])
    }
  })

  it('is not seen in the address of another machine, in other texts, or where there is none', () => {
    const others = [
      '192.0.2.53',
      '[2001:db8::53]:53',
      'https://dns.example.org/localhost',
      'localhost.example.org',
      '1:27',
      '',
    ]
    expect(ownMachineIn({ others, port: 127, isOwn: true, nothing: null, absent: undefined })).to.equal(undefined)
    for (const value of [undefined, null, 7, {}, []]) expect(ownMachineIn(value)).to.equal(undefined)
  })

  it('is looked for in settings that are nested deeper than any stack', () => {
    let deep: object = { url: 'https://[::1]/' }
    for (let level = 0; level < 20_000; level++) deep = [deep]
    expect(ownMachineIn(deep)?.at(-1)).to.equal('url')
  })
})
