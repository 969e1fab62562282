import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { cleanedName, isVisible, textProblem, tidyText } from '../../../../hosts/portal/text/plain-text.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'

const UNSEEN = [
  ['\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069'],
  ['\u200b', '\u200e', '\u200f', '\u061c', '\u2060', '\ufeff', '\u00ad', '\u034f', '\u180e', '\u3164', '\u2800'],
  ['\u{e0041}', '\u2028', '\u2029', '\u0000', '\u001b', '\u007f', '\u0085', '\t', '\n', '\ud800', '\uffff'],
].flat()

describe('the one rule for names', () => {
  it('a name may be what people are called, in every script, and emoji', () => {
    for (const name of [
      'Ada',
      'Zoë',
      '東京 支社',
      'می‌خواهم',
      'क्‍ष',
      '👩‍👩‍👧',
      '❤️',
      '1️⃣',
      "O'Brien & Söhne <x>",
      'a/b:c',
      '²',
      '…',
    ]) {
      expect([textProblem(name), isVisible(name), tidyText(name)], name).to.deep.equal([undefined, true, name])
    }
  })

  it('a name may not contain what cannot be seen, or what turns the direction of writing', () => {
    for (const sign of UNSEEN) {
      const code = sign.codePointAt(0)?.toString(16)
      expect(textProblem(`a${sign}b`), code).to.be.a('string')
      expect(cleanedName(`a${sign}b`, 255), code).to.match(/^a ?b$/)
      expect(cleanedName(sign, 255), code).to.equal('')
    }
    for (const joined of ['ad\u200dmin', 'ad\u200cmin', 'a\ufe0f', '1\ufe0f', '\u200d', 'a\u{e0100}', 'a\u180b']) {
      expect(textProblem(joined), joined).to.be.a('string')
    }
  })

  it('names that look the same have one spelling', () => {
    expect(tidyText('Zoe\u0308')).to.equal('Zoë')
    expect(tidyText('\u00a0 a \u3000 b\u2009')).to.equal('a b')
    expect(cleanedName('x'.repeat(300), 255)).to.have.length(255)
  })

  describe('names at the REST API', () => {
    let portal: PortalFixture
    before(async () => {
      portal = await PortalFixture.start()
    })
    after(async () => portal.stop())

    const namesOf = async (name: string) => {
      const site = await portal.create('/sites', { name: `Site of ${Math.random()}` })
      return [
        await portal.api('POST', '/groups', { name }),
        await portal.api('POST', '/sites', { name }),
        await portal.api('POST', '/actors', { name }),
        await portal.api('POST', '/resources', { name, type: 'ip', address: '192.0.2.7', site_id: site.id }),
        await portal.api('POST', '/identity_providers', {
          name,
          type: 'oidc',
          settings: { issuer: 'https://id.example.org', client_id: 'x' },
        }),
        await portal.api('POST', `/actors/${portal.admin.id}/client_tokens`, { name }),
        await portal.api('PATCH', '/account', { name }),
      ]
    }

    it('the REST API refuses a name with invisible characters for anything', async () => {
      for (const name of ['a\u202eb', '\u2066a\u2069', '\u200b', ' ', '', '\u00a0', 'a\u0000b', '\ud800']) {
        for (const { status, body } of await namesOf(name))
          expect([status, body.code], name).to.deep.equal([422, 'invalid_body'])
      }
      const settings = await portal.api('POST', '/identity_providers', {
        name: 'Half',
        type: 'oidc',
        settings: { issuer: 'https://id.example.org', client_id: '\ud800' },
      })
      expect(settings.body.errors[0].path).to.equal('settings.client_id')
    })

    it('the REST API takes NFD and NFC, and blanks at the ends, for one name', async () => {
      expect((await portal.create('/groups', { name: ' Cafe\u0301 ' })).name).to.equal('Café')
      expect((await portal.api('POST', '/groups', { name: 'Café' })).status).to.equal(409)
    })
  })
})
