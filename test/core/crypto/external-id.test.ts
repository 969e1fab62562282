import { expect } from 'chai'
import { describe, it } from 'mocha'
import { externalId } from '../../../core/crypto/external-id.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

describe('external ids, against the known answers of the protocol', () => {
  for (const { id, externalId: expected } of vectors.externalId.cases) {
    it(`names the id ${id} to the portal`, () => expect(externalId(id)).to.equal(expected))
  }
})
