import { expect } from 'chai'
import { describe, it } from 'mocha'
import { iceCredentials, presharedKey } from '../../../core/crypto/pair-secrets.ts'
import { fromHex } from '../../../core/crypto/text-encoding.ts'
import vectors from '../../vector/protocol/vectors.json' with { type: 'json' }

describe('secrets of a pair, against the known answers of the protocol', () => {
  const psk = vectors.presharedKey
  const client = { id: psk.clientId, publicKey: psk.clientPublicKey }
  const gateway = { id: psk.gatewayId, publicKey: psk.gatewayPublicKey }

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
})
