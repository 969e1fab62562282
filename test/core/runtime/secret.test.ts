import { inspect } from 'node:util'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Secret } from '../../../core/runtime/secret.ts'

describe('Secret', () => {
  it('a Secret prints as [secret] whichever way it is printed, and reveals its value when asked', () => {
    const secret = new Secret('hunter2')
    const printed = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }),
      inspect([secret], { depth: 9, showHidden: true }),
    ]
    for (const text of printed) expect(text).to.include('[secret]').and.not.to.include('hunter2')
    expect(secret.reveal()).to.equal('hunter2')
  })
})
