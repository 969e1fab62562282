import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { FlowCache } from '../../../core/flow/flow-cache.ts'
import { PacketView } from '../../../core/net/packet-view.ts'
import { buildPacket, type PacketParts } from '../../kit/packet-builder.ts'

const flow = fc
  .tuple(
    fc.constantFrom('tcp' as const, 'udp' as const),
    fc.constantFrom(['100.64.0.2', '192.0.2.1'], ['100.64.0.3', '192.0.2.1'], ['fd00:2021:1111::2', '2001:db8::1'], [
      'fd00:2021:1111::2',
      '2001:db8::1:1',
    ] as const),
    fc.constantFrom(0, 1, 443, 65_535),
    fc.constantFrom(0, 1, 443, 65_535),
  )
  .map(([kind, [source = '', destination = ''], sourcePort, destinationPort]): PacketParts => ({
    kind,
    source,
    destination,
    sourcePort,
    destinationPort,
  }))

const viewOf = (parts: PacketParts): PacketView => {
  const view = new PacketView()
  expect(view.parse(buildPacket(parts))).to.equal('ok')
  return view
}

describe('the flow cache', () => {
  it('the flow cache knows of a flow what was stored last, or nothing, and never what belongs to another flow', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(flow, fc.boolean()), { maxLength: 60 }), (steps) => {
        const cache = new FlowCache()
        const stored = new Map<string, number>()
        for (const [at, [parts, isStored]] of steps.entries()) {
          const key = JSON.stringify(parts)
          const slot = cache.find(viewOf(parts))
          if (slot >= 0) expect([cache.verdictAt(slot), cache.stampAt(slot)]).to.deep.equal([stored.get(key), 1])
          if (!isStored) continue
          cache.store(viewOf(parts), at, 1)
          stored.set(key, at)
          expect(cache.verdictAt(cache.find(viewOf(parts)))).to.equal(at)
        }
      }),
    )
  })

  it('the flow cache tells a ping from its answer, and is empty after it was cleared', () => {
    const cache = new FlowCache()
    const parts = { source: '192.0.2.1', destination: '192.0.2.1', sourcePort: 7, destinationPort: 7 }
    const [request, reply] = [viewOf({ ...parts, kind: 'echoRequest' }), viewOf({ ...parts, kind: 'echoReply' })]
    const found = () => [request, reply].map((packet) => cache.find(packet) >= 0)
    cache.store(request, 1)
    expect(found()).to.deep.equal([true, false])
    cache.clear()
    expect(found()).to.deep.equal([false, false])
    cache.store(reply, 2)
    expect(found()).to.deep.equal([false, true])
  })

  it('the flow cache is empty after it was cleared, however often that was', () => {
    const cache = new FlowCache()
    const [first, later] = [1, 2].map((sourcePort) =>
      viewOf({ source: '192.0.2.1', destination: '192.0.2.2', sourcePort }),
    )
    if (first === undefined || later === undefined) throw new Error('two packets')
    cache.store(first, 1)
    // A little more than a million: the cache's generation counter wraps around.
    for (let cleared = 0; cleared < 0x100002; cleared++) {
      cache.clear()
      if (cleared % 50_000 === 0) cache.store(later, 2)
      if (cleared % 4_099 === 0 || cleared > 0xffff0) expect(cache.find(first)).to.equal(-1)
    }
  })
})
