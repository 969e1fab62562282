import { expect } from 'chai'
import { describe, it } from 'mocha'
import { RelaySockets, type RelaySocketsInput, type RelaySocketsOutput } from '../../../core/ice/relay-sockets.ts'
import { drive } from '../../../core/runtime/drive.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { SECOND } from '../../../core/runtime/time.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const URL = 'wss://relay.example.org/relay/connect'
const OTHER = 'wss://other.example.org/relay/connect'
const LOCAL = endpoint('127.0.0.1', 40_000)

const bench = () => {
  const clock = new VirtualClock()
  const used = new Set<string>()
  const machine = new RelaySockets({ isInUse: (where) => used.has(where) })
  const outputs: RelaySocketsOutput[] = []
  const driven = drive(machine, { clock, perform: (output) => outputs.push(output) })
  return {
    machine,
    used,
    put: (...inputs: RelaySocketsInput[]): RelaySocketsOutput[] => {
      for (const input of inputs) driven.dispatch(input)
      return outputs.splice(0)
    },
    pass: (milliseconds: number): RelaySocketsOutput[] => {
      clock.advance(milliseconds)
      return outputs.splice(0)
    },
  }
}

const offered = { type: 'offered', urls: [URL, OTHER], canTell: true } as const

describe('WebSockets to relays', () => {
  it('H9 WebSockets are opened within two seconds where nobody answers over UDP, and tried again where they end', () => {
    const { machine, put, pass } = bench()
    expect(put(offered)).to.deep.equal([])
    expect(machine.udp).to.equal('unknown')
    expect(pass(2 * SECOND)).to.deep.equal([
      { type: 'openSocket', url: URL },
      { type: 'openSocket', url: OTHER },
    ])
    expect(machine.udp).to.equal('blocked')
    expect(put({ type: 'socketOpened', url: OTHER, endpoint: LOCAL })).to.deep.equal([{ type: 'socketsChanged' }])
    expect([...machine.endpoints]).to.deep.equal([[OTHER, LOCAL]])
    expect(machine.urlOf(LOCAL)).to.equal(OTHER)
    expect(put({ type: 'socketClosed', url: URL })).to.deep.equal([])
    expect(pass(1.5 * SECOND)).to.deep.equal([{ type: 'openSocket', url: URL }])
    put({ type: 'socketClosed', url: URL })
    expect(pass(1.5 * SECOND)).to.deep.equal([])
    expect(pass(1.5 * SECOND)).to.deep.equal([{ type: 'openSocket', url: URL }])
  })

  it('H9 no WebSocket is opened where an answer comes in time, or where there is nobody to answer', () => {
    const { machine, put, pass } = bench()
    put(offered)
    pass(SECOND)
    put({ type: 'udpAnswered' })
    expect(pass(60 * SECOND)).to.deep.equal([])
    expect(machine.udp).to.equal('works')
    const other = bench()
    other.put({ ...offered, canTell: false })
    expect(other.pass(60 * SECOND)).to.deep.equal([])
  })

  it('H9 WebSockets are left some time after UDP works again, and not while a path leads over them', () => {
    const { used, put, pass } = bench()
    put(offered)
    pass(2 * SECOND)
    put({ type: 'socketOpened', url: URL, endpoint: LOCAL })
    used.add(LOCAL)
    expect(put({ type: 'udpAnswered' })).to.deep.equal([])
    expect(pass(16 * SECOND)).to.deep.equal([{ type: 'closeSocket', url: OTHER }])
    used.clear()
    expect(pass(16 * SECOND)).to.deep.equal([{ type: 'closeSocket', url: URL }, { type: 'socketsChanged' }])
    expect(pass(60 * SECOND)).to.deep.equal([])
  })

  it('H9 UDP is doubted when a path is lost, and in another network, where no WebSocket of before is kept', () => {
    const { machine, put, pass } = bench()
    put(offered, { type: 'udpAnswered' }, { type: 'udpDoubted' })
    expect(machine.udp).to.equal('unknown')
    expect(pass(SECOND / 2)).to.have.length(2)
    put({ type: 'socketOpened', url: URL, endpoint: LOCAL })
    const outputs = put({ type: 'networkChanged', hasMoved: true })
    expect(outputs).to.deep.equal([
      { type: 'closeSocket', url: URL },
      { type: 'socketsChanged' },
      { type: 'closeSocket', url: OTHER },
      { type: 'openSocket', url: URL },
      { type: 'openSocket', url: OTHER },
    ])
    expect(machine.endpoints.size).to.equal(0)
  })

  it('H9 a WebSocket that could not be opened without a network is opened at once in the next one', () => {
    const { put, pass } = bench()
    put({ ...offered, urls: [URL] })
    pass(2 * SECOND)
    for (const wait of [2 * SECOND, 4 * SECOND, 8 * SECOND]) {
      put({ type: 'socketClosed', url: URL })
      pass(wait)
    }
    put({ type: 'socketClosed', url: URL })
    expect(put({ type: 'networkChanged', hasMoved: false })).to.deep.include({ type: 'openSocket', url: URL })
  })
})
