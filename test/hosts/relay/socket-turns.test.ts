import { setImmediate } from 'node:timers/promises'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { instant } from '../../../core/runtime/time.ts'
import { MAX_BURST, SocketTurns } from '../../../hosts/relay/socket-turns.ts'

describe('turns of a relay’s sockets', () => {
  const time = { now: 0 }
  const turns = new SocketTurns({ now: () => instant(time.now) })

  it('P9 sockets that never run dry leave the process each turn of its event loop, and are read equally often', async () => {
    const reads = [0, 0, 0]
    let isFlooded = true
    for (const at of reads.keys()) {
      const ready = turns.add(() => {
        reads[at] = (reads[at] ?? 0) + 1
        time.now += 0.3
        return isFlooded
      })
      ready()
    }
    const perTurn: number[] = []
    let before = 0
    for (let turn = 0; turn < 9; turn++) {
      await setImmediate()
      const sum = reads.reduce((all, each) => all + each)
      perTurn.push(sum - before)
      before = sum
    }
    isFlooded = false
    expect(Math.max(...perTurn)).to.equal(4)
    expect(Math.max(...reads) - Math.min(...reads)).to.be.at.most(4)
    await setImmediate()
    await setImmediate()
    const sum = reads.reduce((all, each) => all + each)
    await setImmediate()
    expect(reads.reduce((all, each) => all + each)).to.equal(sum)
  })

  it('a socket whose bursts take longer than a turn is read in smaller ones, until they are short again', async () => {
    const sizes: number[] = []
    let perMessage = 0.3
    const ready = turns.add((messages) => {
      sizes.push(messages)
      time.now += messages * perMessage
      if (messages === 2) perMessage = 0.1
      return sizes.length < 8
    })
    ready()
    while (sizes.length < 8) await setImmediate()
    expect(sizes).to.deep.equal([MAX_BURST, 8, 4, 2, 4, 8, MAX_BURST, 8])
  })
})
