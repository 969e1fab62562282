import { expect } from 'chai'
import { describe, it } from 'mocha'
import { WaitingDatagrams } from '../../../core/turn/waiting-datagrams.ts'

const datagram = (number: number, length = 4): Uint8Array => new Uint8Array(length).fill(number)

describe('datagrams that wait', () => {
  it('the oldest of a receiver is dropped where its queue is full, and nobody else’s', () => {
    const waiting = new WaitingDatagrams<string>()
    waiting.add('slow', datagram(0))
    waiting.add('other', datagram(7))
    for (let number = 1; number <= 130; number++) waiting.add('slow', datagram(number))
    const sent: [string, number | undefined][] = []
    waiting.flush((receiver, [first]) => sent.push([receiver, first]) > 0)
    expect(sent.slice(0, 3)).to.deep.equal([
      ['slow', 3],
      ['other', 7],
      ['slow', 4],
    ])
    expect(sent).to.have.length(129)
    expect(waiting.dropped).to.equal(3)
    expect(waiting.isEmpty).to.equal(true)
  })

  it('what is refused stays, in order', () => {
    const waiting = new WaitingDatagrams<string>()
    for (const number of [1, 2, 3]) waiting.add('one', datagram(number))
    const sent: (number | undefined)[] = []
    waiting.flush((_, [first]) => first !== 2 && sent.push(first) > 0)
    expect(waiting.has('one')).to.equal(true)
    waiting.flush((_, [first]) => sent.push(first) > 0)
    expect(sent).to.deep.equal([1, 2, 3])
  })

  it('all together are bounded in bytes, at the cost of the one for whom most waits', () => {
    const waiting = new WaitingDatagrams<number>()
    waiting.add(0, datagram(0))
    for (let receiver = 1; receiver <= 5; receiver++) {
      for (let count = 0; count < 100; count++) waiting.add(receiver, datagram(receiver, 40_000))
    }
    expect(waiting.has(0)).to.equal(true)
    let bytes = 0
    waiting.flush((_, { length }) => (bytes += length) > 0)
    expect(bytes).to.be.within(16_000_000, 16 * 1_048_576)
  })

  it('a receiver that is gone takes no room', () => {
    const waiting = new WaitingDatagrams<string>()
    waiting.add('gone', datagram(1))
    waiting.forget('gone')
    expect(waiting.isEmpty).to.equal(true)
  })
})
