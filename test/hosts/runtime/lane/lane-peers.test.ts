import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { TunnelTraffic } from '../../../../core/contract/tunnel-transport.ts'
import { PeerNumbers } from '../../../../core/flow/peer-numbers.ts'
import { endpoint, splitEndpoint } from '../../../../core/runtime/endpoint.ts'
import { instant, type Instant } from '../../../../core/runtime/time.ts'
import { LanePeers } from '../../../../hosts/runtime/lane/lane-peers.ts'
import type { Addon, Port, SealingLane } from '../../../../hosts/runtime/native/addon.ts'

const NOW = instant(1_000)
const SOCKET = {} as Port

/** Peers of a lane whose native part only counts keys. A path is known by its port. */
class Bench {
  readonly numbers = new PeerNumbers()
  readonly keys = new Map<number, number>()
  readonly reports: TunnelTraffic[] = []
  readonly peers: LanePeers

  constructor() {
    const addon: Pick<Addon, 'installKeys' | 'removeKeys'> = {
      installKeys: (_lane, [index = 0, , handle = 0]) => void this.keys.set(index, handle),
      removeKeys: (_lane, index) => void this.keys.delete(index),
    }
    this.peers = new LanePeers({
      addon,
      lane: {} as SealingLane,
      numbers: this.numbers,
      resolve: (path) => ({ socket: SOCKET, words: new Uint32Array([splitEndpoint(path)?.port ?? 0, 0, 0, 0, 0]) }),
      report: (traffic) => this.reports.push(traffic),
    })
  }

  install(peer: string, index: number): void {
    const [sendKey, receiveKey] = [new Uint8Array(32), new Uint8Array(32)]
    this.peers.take({
      type: 'installKeys',
      peer,
      keys: { index, remoteIndex: 0, sendKey, receiveKey, expiresAt: instant(2_000) },
    })
  }

  use(peer: string, index: number | undefined, port: string | undefined): void {
    const path = port === undefined ? undefined : endpoint('192.0.2.1', Number(port))
    this.peers.take({ type: 'useKeys', peer, index, path })
  }

  /** The session that seals for a peer at a moment, and the path of its packets. */
  way(peer: string, at: Instant = NOW): string | undefined {
    const number = this.numbers.find(peer)
    const way = number === undefined ? undefined : this.peers.wayTo(number, at)
    return way === undefined ? undefined : `${way.index} to ${way.words[way.wordsAt]}`
  }
}

describe('the peers of a lane', () => {
  it('a lane’s peers have a path when they have keys in use and an address, until the keys expire', () => {
    const bench = new Bench()
    expect(bench.way('ada')).to.equal(undefined)
    bench.install('ada', 11)
    expect(bench.way('ada')).to.equal(undefined)
    bench.use('ada', 11, undefined)
    expect(bench.way('ada')).to.equal(undefined)
    bench.use('ada', 11, '7')
    expect([bench.way('ada'), bench.way('ada', instant(2_000))]).to.deep.equal(['11 to 7', undefined])
    bench.use('ada', undefined, '7')
    expect(bench.way('ada')).to.equal(undefined)
  })

  it('a lane answers a session by its first message, to where that came from, unless another session is in use', () => {
    const bench = new Bench()
    bench.install('ada', 11)
    const handle = bench.keys.get(11) ?? 0
    bench.peers.heardFrom(bench.numbers.find('ada') ?? 0, new Uint32Array([5, 6, 0, 0, 0]), 0, 0)
    bench.peers.confirmed(handle, SOCKET)
    expect([bench.way('ada'), bench.way('ada', instant(2_000))]).to.deep.equal(['11 to 5', undefined])
    bench.use('ada', 11, '7')
    bench.install('ada', 12)
    bench.peers.confirmed(bench.keys.get(12) ?? 0, SOCKET)
    expect(bench.way('ada')).to.equal('11 to 7')
  })

  it('a lane’s peers have no path by what another peer of the same number left', () => {
    const bench = new Bench()
    bench.install('ada', 11)
    bench.use('ada', 11, '7')
    const table = new Uint32Array([5, 6, 0, 0, 0])
    expect(bench.peers.heardFrom(0, table, 0, 0)).to.equal(true)
    expect(bench.peers.heardFrom(0, table, 0, 0)).to.equal(false)
    bench.peers.take({ type: 'removeKeys', peer: 'ada', index: 11 })
    expect(bench.numbers.find('ada')).to.equal(undefined)
    bench.install('bob', 12)
    expect([bench.numbers.find('bob'), bench.way('bob')]).to.deep.equal([0, undefined])
    expect(bench.peers.heardFrom(0, table, 0, 0)).to.equal(true)
  })

  it('a lane’s peers keep to their newest keys when earlier ones go', () => {
    const bench = new Bench()
    bench.install('ada', 11)
    bench.use('ada', 11, '7')
    bench.install('ada', 12)
    bench.use('ada', 12, '8')
    bench.peers.take({ type: 'removeKeys', peer: 'ada', index: 11 })
    expect([bench.way('ada'), [...bench.keys.keys()]]).to.deep.equal(['12 to 8', [12]])
  })

  it('a lane’s peers report a session’s traffic before its handle is another one’s', () => {
    const bench = new Bench()
    bench.install('ada', 11)
    const { traffic } = bench.peers
    const handle = bench.keys.get(11) ?? -1
    expect([traffic.received(handle, 0), traffic.received(handle, 100)]).to.deep.equal([true, false])
    traffic.sent(handle, 60)
    expect([traffic.touch(handle), traffic.touch(handle)]).to.deep.equal([true, false])
    bench.peers.take({ type: 'removeKeys', peer: 'ada', index: 11 })
    expect(bench.reports).to.deep.equal([
      {
        peer: 'ada',
        index: 11,
        sent: { packets: 1, bytes: 60 },
        received: { packets: 1, keepalives: 1, bytes: 100 },
        endedSending: true,
        path: undefined,
      },
    ])
    bench.install('bob', 12)
    expect([bench.keys.get(12), bench.peers.takeReport(handle)]).to.deep.equal([handle, undefined])
  })
})
