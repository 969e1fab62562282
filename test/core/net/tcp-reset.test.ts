import { expect } from 'chai'
import { describe, it } from 'mocha'
import { PacketView } from '../../../core/net/packet-view.ts'
import { buildReset } from '../../../core/net/tcp-reset.ts'
import { buildPacket } from '../../kit/packet-builder.ts'

const ADDRESSES = {
  ipv4: { source: '192.0.2.1', destination: '198.51.100.7' },
  ipv6: { source: '2001:db8::1', destination: '2001:db8::7' },
}

/** Builds a TCP packet and answers it with a reset; returns what the reset says. */
const answer = (family: 'ipv4' | 'ipv6', flags: string, payload = 10) => {
  const bytes = buildPacket({ ...ADDRESSES[family], flags, payload: new Uint8Array(payload) })
  const at = family === 'ipv4' ? 20 : 40
  bytes.set([0xff, 0xff, 0xff, 0xfe, 0x12, 0x34, 0x56, 0x78], at + 4)
  const packet = new PacketView()
  expect(packet.parse(bytes)).to.equal('ok')
  const reset = buildReset(packet)
  if (reset === undefined) return undefined
  const view = new PacketView()
  expect(view.parse(reset)).to.equal('ok')
  expect(view.checksumsHold()).to.equal(true)
  expect([view.sourceText(), view.destinationText()]).to.deep.equal([packet.destinationText(), packet.sourceText()])
  expect([view.sourcePort, view.destinationPort]).to.deep.equal([packet.destinationPort, packet.sourcePort])
  return { flags: view.tcpFlags, numbers: Buffer.from(reset.subarray(at + 4, at + 12)).toString('hex') }
}

describe('the reset of a TCP connection', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    it(`T11 a reset has the number that the sender expects next, so that it is believed at once, over ${family}`, () => {
      // RFC 9293 §3.5.2: <SEQ=SEG.ACK><CTL=RST>, else <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, modulo 2^32
      expect(answer(family, 'A')).to.deep.equal({ flags: 4, numbers: '1234567800000000' })
      expect(answer(family, 'SA', 0)).to.deep.equal({ flags: 4, numbers: '1234567800000000' })
      expect(answer(family, 'F', 10)).to.deep.equal({ flags: 20, numbers: '0000000000000009' })
    })

    it(`a reset answers neither a reset nor a packet that opens a connection, nor another protocol, over ${family}`, () => {
      expect(answer(family, 'R')).to.equal(undefined)
      expect(answer(family, 'S', 0)).to.equal(undefined)
      const packet = new PacketView()
      packet.parse(buildPacket({ ...ADDRESSES[family], kind: 'udp' }))
      expect(buildReset(packet)).to.equal(undefined)
    })
  }
})
