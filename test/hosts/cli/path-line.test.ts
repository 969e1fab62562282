import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { PeerPath } from '../../../hosts/peer/peer-path.ts'
import { bytesText, durationText, pathLine } from '../../../hosts/cli/path-line.ts'

const AT = '2026-01-01T00:00:13.500Z'
const PATH: PeerPath = {
  path: '203.0.113.101:52625',
  path_kind: 'direct',
  relay: null,
  not_direct: null,
  round_trip_ms: 0.42,
  last_answer: AT,
  loss: { lost: 0, of: 31 },
  sent_bytes: 0,
  received_bytes: 5_000_000_000,
  lost_at: null,
  mtu: 1_280,
  last_handshake: '2026-01-01T00:00:01.000Z',
}
const LOST = { ...PATH, path: null, path_kind: null }

describe('the line of a path', () => {
  it('the line of a path says how, how far and how much', () => {
    expect(pathLine(PATH, AT)).to.equal(
      'direct 203.0.113.101:52625, 0.4 ms, no loss, sent 0 B, received 5.0 GB, MTU 1280, last handshake 12 s ago',
    )
  })

  it('the line of a path says who relays it', () => {
    const relay = '198.51.100.4:3478'
    expect(pathLine({ ...PATH, path_kind: 'relayed', relay }, AT)).to.match(/^relayed by 198\.51\.100\.4:3478 to 203/)
    expect(pathLine({ ...PATH, path_kind: 'websocket', relay }, AT)).to.match(
      /^relayed by 198\.51\.100\.4:3478 over a WebSocket to 203/,
    )
  })

  it('the line of a path leaves out what is not known', () => {
    expect(pathLine({ ...PATH, round_trip_ms: null, loss: null, last_handshake: null }, AT)).to.equal(
      'direct 203.0.113.101:52625, sent 0 B, received 5.0 GB, MTU 1280, no handshake yet',
    )
  })

  it('M4 the line of a path that is lost says since when, and of one that is sought says that', () => {
    expect(pathLine({ ...LOST, lost_at: '2026-01-01T00:00:00.000Z' }, AT)).to.equal('unreachable since 13 s')
    expect(pathLine(LOST, AT)).to.equal('no path yet')
  })

  it('amounts and durations are shown by a unit that suits them', () => {
    expect([0, 999, 1_000, 1_234_567, 9e15].map(bytesText)).to.deep.equal([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 MB',
      '9000.0 TB',
    ])
    expect([-5, 119_999, 120_000, 7_200_000, 3 * 86_400_000].map(durationText)).to.deep.equal([
      '0 s',
      '119 s',
      '2 min',
      '2 h',
      '3 days',
    ])
  })
})
