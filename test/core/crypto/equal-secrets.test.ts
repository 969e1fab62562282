import { expect } from 'chai'
import { describe, it } from 'mocha'
import { equalSecrets } from '../../../core/crypto/equal-secrets.ts'

describe('equal secrets', () => {
  it('equal secrets are told from different ones, as text and bytes, whatever their lengths', () => {
    expect(equalSecrets('secret', 'secret')).to.equal(true)
    expect(equalSecrets('secret', new TextEncoder().encode('secret'))).to.equal(true)
    for (const other of ['', 'Secret', 'secre', 'secrets']) expect(equalSecrets('secret', other)).to.equal(false)
  })
})
