import { expect } from 'chai'
import { describe, it } from 'mocha'
import { tokenHash } from '../../../core/crypto/token-hash.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

describe('hashes of tokens, against the known answers of the protocol', () => {
  for (const { hash, nonce, fragment: secret, salt } of vectors.tokenHash.cases) {
    it(`hashes a token ${nonce === '' ? 'without' : 'with'} a nonce`, () =>
      expect(tokenHash({ nonce, secret, salt })).to.equal(hash))
  }
})
