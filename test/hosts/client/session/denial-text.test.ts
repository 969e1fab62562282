import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { denialText } from '../../../../hosts/client/session/denial-text.ts'
import { anyText } from '../../../kit/any-text.ts'

const POLICY = '8dcad00c-ee83-4379-b1cb-7e480ca8d273'

describe('denial-text', () => {
  it('P8 a denial says in words which condition of which policy does not hold, and until when', () => {
    const again = Date.UTC(2026, 10, 23, 7) / 1000
    const text = denialText('forbidden', [
      {
        policy_id: POLICY,
        description: 'at work',
        conditions: [
          { condition: 'remote-ip', holds: true, reason: 'the address is in 192.0.2.0/24' },
          { condition: 'time-window', holds: false, reason: 'it is outside the hours of Europe/Berlin', again },
        ],
      },
    ])
    expect(text).to.deep.equal([
      'Your access to it depends on conditions that do not hold now.',
      'It is outside the hours of Europe/Berlin, until 2026-11-23 07:00 UTC (policy “at work”).',
    ])
  })

  it('a denial has a sentence for unknown reasons', () => {
    expect(denialText('forbidden', [], 'this device\nhas 2 grants')).to.deep.equal([
      'A bound of the portal is reached: this device has 2 grants.',
    ])
    expect(denialText('moon_phase')).to.deep.equal(['The portal denies it: moon_phase.'])
  })

  it('a denial lets nothing but text through to a terminal, whatever a portal says', () => {
    const reason = anyText({ maxLength: 40 })
    fc.assert(
      fc.property(reason, fc.integer(), (text, again) => {
        const conditions = [{ condition: text, holds: false, reason: text, again }]
        const said = denialText(text, [{ policy_id: POLICY, description: text, conditions }])
        expect(
          said.filter((line) => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line.replace(/[\u200c\u200d]/gu, ''))),
        ).to.deep.equal([])
      }),
    )
  })
})
