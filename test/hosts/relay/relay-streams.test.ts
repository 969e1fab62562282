import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { RelayStreams, type AttachedStream } from '../../../hosts/relay/relay-streams.ts'

const FULL_BYTES = 1_000_000
const MOST_WAITING = 1_024
const message = (number: number): Uint8Array => new Uint8Array(new Uint32Array([number]).buffer)
const numberOf = (bytes: Uint8Array): number => new Uint32Array(new Uint8Array(bytes).buffer)[0] ?? -1

describe('a client of a relay at the end of a stream', () => {
  let streams: RelayStreams
  let heard: [string, ...number[]][]
  let sent: number[]
  let waitingBytes: number
  let stream: AttachedStream
  let source: string

  beforeEach(() => {
    heard = []
    sent = []
    waitingBytes = 0
    streams = new RelayStreams({
      received: (from, messages) => heard.push([from, ...messages.map(numberOf)]),
      ended: (from) => heard.push([from]),
    })
    stream = streams.attach({
      send: (bytes) => sent.push(numberOf(bytes)),
      waitingBytes: () => waitingBytes,
    })
    stream.received([message(0)])
    source = heard.splice(0)[0]?.[0] ?? ''
  })

  it('what comes while its stream is full is sent in order, once there is room, and what comes meanwhile behind it', () => {
    waitingBytes = FULL_BYTES
    streams.send(source, message(1))
    streams.send(source, message(2))
    expect(sent).to.deep.equal([])
    waitingBytes = 0
    streams.send(source, message(3))
    expect(sent).to.deep.equal([])
    stream.drained()
    streams.send(source, message(4))
    expect(sent).to.deep.equal([1, 2, 3, 4])
    expect(streams.dropped).to.equal(0)
  })

  it('more than a burst drops the oldest, and counts it', () => {
    waitingBytes = FULL_BYTES
    for (let number = 1; number <= MOST_WAITING + 3; number++) streams.send(source, message(number))
    waitingBytes = 0
    stream.drained()
    expect(sent).to.have.length(MOST_WAITING)
    expect([sent[0], sent.at(-1)]).to.deep.equal([4, MOST_WAITING + 3])
    expect(streams.dropped).to.equal(3)
  })

  it('another one that is full holds nobody up', () => {
    waitingBytes = FULL_BYTES
    streams.send(source, message(1))
    const others: number[] = []
    const other = streams.attach({ send: (bytes) => others.push(numberOf(bytes)) })
    other.received([message(7), message(8)])
    const [[from] = [''], ...rest] = heard
    streams.send(from, message(2))
    expect({ others, sent, rest }).to.deep.equal({ others: [2], sent: [], rest: [] })
    expect(from).to.not.equal(source)
  })

  it('a message that arrives after its stream has ended begins nothing', () => {
    stream.ended()
    stream.received([message(1)])
    stream.ended()
    expect(heard).to.deep.equal([[source]])
  })
})
