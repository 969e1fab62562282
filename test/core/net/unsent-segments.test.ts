import { expect } from 'chai'
import { describe, it } from 'mocha'
import { PacketView } from '../../../core/net/packet-view.ts'
import { UnsentSegments } from '../../../core/net/unsent-segments.ts'
import { instant } from '../../../core/runtime/time.ts'
import { buildPacket, type PacketParts } from '../../kit/packet-builder.ts'

const NOW = instant(1_000)

const packet = (parts: Partial<PacketParts>): PacketView => {
  const view = new PacketView()
  view.parse(buildPacket({ source: '192.0.2.1', destination: '192.0.2.2', flags: 'PA', ...parts }))
  return view
}

describe('segments that could not be sent', () => {
  it('H7 the latest segment of each open connection is kept, in either family, and nothing that begins or ends one', () => {
    const unsent = new UnsentSegments()
    const latest = packet({ sequence: 2 })
    const other = packet({ source: '2001:db8::1', destination: '2001:db8::2', sourcePort: 5 })
    for (const one of [packet({ sequence: 1 }), other, latest]) expect(unsent.keep(one, NOW)).to.equal(true)
    for (const parts of [{ flags: 'S' }, { flags: 'RA' }, { kind: 'udp' }, { kind: 'echoRequest' }] as const) {
      expect(unsent.keep(packet(parts), NOW), JSON.stringify(parts)).to.equal(false)
    }
    expect(unsent.take(NOW)).to.deep.equal([other.bytes, latest.bytes])
    expect(unsent.take(NOW)).to.deep.equal([])
  })

  it('segments are kept for two minutes, and of 32 connections at most', () => {
    const unsent = new UnsentSegments()
    for (let sourcePort = 1; sourcePort <= 40; sourcePort++) unsent.keep(packet({ sourcePort }), NOW)
    expect(unsent.take(instant(NOW + 119_999))).to.have.length(32)
    unsent.keep(packet({}), NOW)
    expect(unsent.take(instant(NOW + 120_000))).to.deep.equal([])
  })
})
