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
  it('knows of a flow what was stored last, or nothing, and never what belongs to another one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(flow, fc.boolean()), { maxLength: 60 }), (steps) => {
        const cache = new FlowCache<string>()
        const stored = new Map<string, string>()
        for (const [at, [parts, isStored]] of steps.entries()) {
          const key = JSON.stringify(parts)
          const found = cache.find(viewOf(parts))
          if (found !== undefined) expect(found).to.equal(stored.get(key))
          if (!isStored) continue
          cache.store(viewOf(parts), `verdict ${at}`)
          stored.set(key, `verdict ${at}`)
          expect(cache.find(viewOf(parts))).to.equal(`verdict ${at}`)
        }
      }),
    )
  })

  it('tells a ping from its answer, and knows nothing after it was cleared', () => {
    const cache = new FlowCache<string>()
    const parts = { source: '192.0.2.1', destination: '192.0.2.1', sourcePort: 7, destinationPort: 7 }
    const [request, reply] = [viewOf({ ...parts, kind: 'echoRequest' }), viewOf({ ...parts, kind: 'echoReply' })]
    cache.store(request, 'asked')
    expect([cache.find(request), cache.find(reply)]).to.deep.equal(['asked', undefined])
    cache.clear()
    expect(cache.find(request)).to.equal(undefined)
    cache.store(reply, 'answered')
    expect([cache.find(request), cache.find(reply)]).to.deep.equal([undefined, 'answered'])
  })
})
