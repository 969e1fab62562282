import { expect } from 'chai'
import { describe, it } from 'mocha'
import { signedJwt } from '../../../core/crypto/signed-jwt.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

describe('signed JWTs, against the known answers of the protocol', () => {
  for (const role of ['initiator', 'responder'] as const) {
    it(`signs the ingest token of the ${role}`, () => {
      const { claims, key } = vectors.flowLogsIngestToken
      expect(signedJwt({ claims: { ...claims, role }, key })).to.equal(vectors.flowLogsIngestToken[role])
    })
  }
})
