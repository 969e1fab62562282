import { expect } from 'chai'
import { describe, it } from 'mocha'
import {
  coturnPassword,
  externalId,
  iceCredentials,
  presharedKey,
  signedJwt,
  stampedRelayCredentials,
  tokenHash,
} from '../../../core/crypto/derived-values.ts'
import { fromHex } from '../../../core/crypto/text-encoding.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

describe('derived values, against the known answers of the protocol', () => {
  const psk = vectors.presharedKey
  const client = { id: psk.clientId, publicKey: psk.clientPublicKey }
  const gateway = { id: psk.gatewayId, publicKey: psk.gatewayPublicKey }

  for (const { id, externalId: expected } of vectors.externalId.cases) {
    it(`names the id ${id} to the portal`, () => expect(externalId(id)).to.equal(expected))
  }

  it('derives the pre-shared key of a pair', () => {
    const bases = [psk.clientPskBaseHex, psk.gatewayPskBaseHex].map((hex) => fromHex(hex) ?? new Uint8Array())
    const [clientBase = new Uint8Array(), gatewayBase = new Uint8Array()] = bases
    const pair = { client: { ...client, pskBase: clientBase }, gateway: { ...gateway, pskBase: gatewayBase } }
    expect(presharedKey(pair)).to.equal(psk.presharedKey)
  })

  it('derives the ICE credentials of a pair', () => {
    const { client: expectedClient, gateway: expectedGateway } = vectors.iceCredentials
    expect(iceCredentials({ client, gateway })).to.deep.equal({ client: expectedClient, gateway: expectedGateway })
  })

  for (const { hash, ...token } of vectors.tokenHash.cases) {
    it(`hashes a token ${token.nonce === '' ? 'without' : 'with'} a nonce`, () =>
      expect(tokenHash(token)).to.equal(hash))
  }

  it('derives the credentials at a released relay', () => {
    const { publicKey, expiry, stampSecret, username, password } = vectors.turnPasswords.firezoneRelay
    expect(stampedRelayCredentials({ publicKey, expiry, stampSecret })).to.deep.equal({ username, password })
  })

  it('derives the password at coturn', () => {
    const { secret, username, password } = vectors.turnPasswords.coturnRest
    expect(coturnPassword({ secret, username })).to.equal(password)
  })

  for (const role of ['initiator', 'responder'] as const) {
    it(`signs the ingest token of the ${role}`, () => {
      const { claims, key } = vectors.flowLogsIngestToken
      expect(signedJwt({ claims: { ...claims, role }, key })).to.equal(vectors.flowLogsIngestToken[role])
    })
  }
})
