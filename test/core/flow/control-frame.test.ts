import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  decodeControlFrame,
  encodeControlFrame,
  isControlFrame,
  type ControlFrame,
} from '../../../core/flow/control-frame.ts'
import { buildPacket } from '../../kit/packet-builder.ts'

interface Vectors {
  controlFrames: {
    assignedIps: { body: { resource: string; domain: string; proxy_ips: string[] }; packetHex: string }
    domainStatus: { body: { resource: string; domain: string; status: 'Active' }; packetHex: string }
    goodbye: { packetHex: string }
  }
}

const { controlFrames } = JSON.parse(
  readFileSync(new URL('../../../../test/vector/protocol/vectors.json', import.meta.url), 'utf8'),
) as Vectors

const KNOWN: { name: string; frame: ControlFrame; packetHex: string }[] = [
  {
    name: 'assigned addresses',
    frame: {
      type: 'assignedIps',
      resource: controlFrames.assignedIps.body.resource,
      domain: controlFrames.assignedIps.body.domain,
      mappedIps: controlFrames.assignedIps.body.proxy_ips,
    },
    packetHex: controlFrames.assignedIps.packetHex,
  },
  {
    name: 'a domain status',
    frame: { type: 'domainStatus', ...controlFrames.domainStatus.body },
    packetHex: controlFrames.domainStatus.packetHex,
  },
  { name: 'a goodbye', frame: { type: 'goodbye' }, packetHex: controlFrames.goodbye.packetHex },
]

const framed = (type: number, body: string): Uint8Array => {
  const bytes = new TextEncoder().encode(body)
  const packet = new Uint8Array(48 + bytes.length)
  packet.set([0x60, 0, 0, 0, (8 + bytes.length) >> 8, (8 + bytes.length) & 255, 0xff])
  packet[40] = type
  packet.set(bytes, 48)
  return packet
}

describe('a control frame', () => {
  it('a control frame of a domain status says what the site found, and unknown parts are passed over', () => {
    const frame: ControlFrame = {
      type: 'domainStatus',
      resource: 'r',
      domain: 'a.example.org',
      status: 'Active',
      found: { ipv4: 'no_record', ipv6: 'servfail' },
    }
    expect(decodeControlFrame(encodeControlFrame(frame))).to.deep.equal(frame)
    const { found: _, ...bare } = frame
    for (const found of ['"servfail"', 'null', '{}', '{"ipv4":"found"}', '{"ipv4":"found","ipv6":"\\u001b[2J"}']) {
      const body = `{"resource":"r","domain":"a.example.org","status":"Active","found":${found}}`
      expect(decodeControlFrame(framed(1, body)), found).to.deep.equal(bare)
    }
  })

  for (const { name, frame, packetHex } of KNOWN) {
    it(`a control frame of ${name} is the known one, byte for byte, in both directions`, () => {
      expect(Buffer.from(encodeControlFrame(frame)).toString('hex')).to.equal(packetHex)
      const packet = Uint8Array.from(Buffer.from(packetHex, 'hex'))
      expect(isControlFrame(packet)).to.equal(true)
      expect(decodeControlFrame(packet)).to.deep.equal(frame)
    })
  }

  it('a control frame is no ordinary packet', () => {
    expect(isControlFrame(buildPacket({ source: '2001:db8::1', destination: '2001:db8::2' }))).to.equal(false)
    expect(isControlFrame(buildPacket({ source: '192.0.2.1', destination: '192.0.2.2' }))).to.equal(false)
    expect(isControlFrame(new Uint8Array(0))).to.equal(false)
  })

  it('a control frame may be padded', () => {
    const padded = new Uint8Array(64)
    padded.set(encodeControlFrame({ type: 'goodbye' }))
    expect(decodeControlFrame(padded)).to.deep.equal({ type: 'goodbye' })
  })

  it('a control frame’s unknown status counts as Inactive', () => {
    const frame = decodeControlFrame(framed(1, '{"resource":"r","domain":"d","status":"Sleeping"}'))
    expect(frame).to.deep.equal({ type: 'domainStatus', resource: 'r', domain: 'd', status: 'Inactive' })
  })

  it('a control frame writes addresses in one way', () => {
    const frame = decodeControlFrame(framed(0, '{"resource":"r","domain":"d","proxy_ips":["FD00:2021:1111:8000:0::"]}'))
    expect(frame).to.have.property('mappedIps').deep.equal(['fd00:2021:1111:8000::'])
  })

  it('a malformed control frame is dropped with a reason', () => {
    const wrong: [string, Uint8Array][] = [
      ['control-unknown-type', framed(3, '{}')],
      ['control-truncated', framed(1, '{}').subarray(0, 46)],
      ['control-truncated', framed(1, '{"resource":"r"}').subarray(0, 50)],
      ['control-too-long', framed(0, ' '.repeat(4_097))],
      ['control-body', framed(0, '')],
      ['control-body', framed(0, 'null')],
      ['control-body', framed(0, '[]')],
      ['control-body', framed(0, '{"resource":"r","domain":"d"}')],
      ['control-body', framed(0, '{"resource":"r","domain":"d","proxy_ips":[]}')],
      ['control-body', framed(0, '{"resource":"r","domain":"d","proxy_ips":["example.org"]}')],
      ['control-body', framed(0, '{"resource":"r","domain":"d","proxy_ips":["1.1.1.1","1.1.1.1"]}')],
      ['control-body', framed(0, '{"resource":1,"domain":"d","proxy_ips":["1.1.1.1"]}')],
      ['control-body', framed(0, `{"resource":"r","domain":"${'d'.repeat(254)}","proxy_ips":["1.1.1.1"]}`)],
      ['control-body', framed(0, `{"resource":"r","domain":"d","proxy_ips":[${'"1.1.1.1",'.repeat(9)}"1.1.1.1"]}`)],
      ['control-body', framed(1, '{"resource":"r","domain":"d"}')],
    ]
    for (const [reason, packet] of wrong) expect(decodeControlFrame(packet)).to.equal(reason)
  })

  it('reading a control frame never throws on random bytes', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.uint8Array({ maxLength: 80 }), fc.json(), (type, bytes, json) => {
        for (const body of [json, Buffer.from(bytes).toString('latin1')]) void decodeControlFrame(framed(type, body))
        void isControlFrame(bytes)
        void decodeControlFrame(bytes)
      }),
    )
  })
})
