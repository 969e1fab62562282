import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { GatewayFlows, type GatewayFlowsInput } from '../../../../core/flow/gateway/gateway-flows.ts'
import { instant } from '../../../../core/runtime/time.ts'
import { cidr } from '../../../kit/flow-bench.ts'

/** Reference model: expiries by peer and resource, searched one by one. */
class PlainGateway {
  readonly peers = new Map<string, Map<string, number | undefined>>()

  handle(input: GatewayFlowsInput): void {
    if (input.type === 'peerAdded') this.peers.set(input.peer, this.peers.get(input.peer) ?? new Map())
    if (input.type === 'peerRemoved') this.peers.delete(input.peer)
    if (input.type === 'granted') this.peers.get(input.peer)?.set(input.resource.id, input.expiresAt)
    if (input.type === 'withdrawn') this.#end(input.peer, input.resourceId)
    if (input.type === 'retainOnly') {
      for (const [peer, resources] of this.peers) {
        for (const resourceId of resources.keys()) {
          // The latest statement about a grant holds, as with `granted`.
          const kept = input.grants.findLast((grant) => grant.peer === peer && grant.resourceId === resourceId)
          if (kept === undefined) this.#end(peer, resourceId)
          else resources.set(resourceId, kept.expiresAt)
        }
      }
    }
  }

  /** Removes the grants that have expired and returns them. */
  expire(now: number): string[] {
    const ended: string[] = []
    for (const [peer, resources] of this.peers) {
      for (const [resourceId, expiresAt] of resources) {
        if (expiresAt === undefined || expiresAt > now) continue
        ended.push(`${peer} ${resourceId}`)
        this.#end(peer, resourceId)
      }
    }
    return ended
  }

  next(): number | undefined {
    const all = [...this.peers.values()].flatMap((resources) => [...resources.values()])
    const ends = all.filter((expiresAt) => expiresAt !== undefined)
    return ends.length === 0 ? undefined : Math.min(...ends)
  }

  /** Removes a grant, and the peer with its last one. */
  #end(peer: string, resourceId: string): void {
    const resources = this.peers.get(peer)
    if (resources?.delete(resourceId) === true && resources.size === 0) this.peers.delete(peer)
  }
}

const peer = fc.integer({ min: 2, max: 9 }).map((number) => `peer-${number}`)
const resourceId = fc.integer({ min: 0, max: 3 }).map((number) => `net-${number}`)
const expiresAt = fc.option(
  fc.integer({ min: 0, max: 400 }).map((moment) => instant(moment)),
  { nil: undefined },
)
const input: fc.Arbitrary<GatewayFlowsInput> = fc.oneof(
  peer.map((id): GatewayFlowsInput => {
    const number = id.slice('peer-'.length)
    return { type: 'peerAdded', peer: id, ipv4: `100.64.0.${number}`, ipv6: `fd00:2021:1111::${number}` }
  }),
  peer.map((id): GatewayFlowsInput => ({ type: 'peerRemoved', peer: id })),
  fc.tuple(peer, resourceId, expiresAt).map(([id, resource, ends]): GatewayFlowsInput => ({
    type: 'granted',
    peer: id,
    resource: cidr(resource, '10.0.0.0/8'),
    expiresAt: ends,
  })),
  fc.tuple(peer, resourceId).map(([id, resource]): GatewayFlowsInput => ({
    type: 'withdrawn',
    peer: id,
    resourceId: resource,
  })),
  fc
    .array(fc.record({ peer, resourceId, expiresAt }), { maxLength: 30 })
    .map((grants): GatewayFlowsInput => ({ type: 'retainOnly', grants })),
)

describe("the gateway's many peers", () => {
  it('P3 the gateway’s many peers lose each grant when it ends and not before, whatever was granted, changed and withdrawn', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), input), { maxLength: 60 })
    fc.assert(
      fc.property(steps, (all) => {
        const flows = new GatewayFlows()
        const plain = new PlainGateway()
        const ended = (): string[] => {
          const told: string[] = []
          for (let output = flows.poll(); output !== undefined; output = flows.poll()) {
            if (output.type === 'expired') told.push(`${output.peer} ${output.resourceId}`)
          }
          return told.sort()
        }
        let now = 0
        for (const [delay, one] of all) {
          now += delay
          flows.wake(instant(now))
          expect(ended()).to.deep.equal(plain.expire(now).sort())
          flows.handle(one, instant(now))
          plain.handle(one)
          expect(ended()).to.deep.equal(plain.expire(now).sort())
          expect(flows.deadline()?.at).to.equal(plain.next())
        }
      }),
      {
        numRuns: 300,
        examples: [
          // A resynchronisation that names one grant twice.
          [
            [
              [0, { type: 'peerAdded', peer: 'peer-2', ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' }],
              [0, { type: 'granted', peer: 'peer-2', resource: cidr('net-0', '10.0.0.0/8'), expiresAt: undefined }],
              [
                0,
                {
                  type: 'retainOnly',
                  grants: [
                    { peer: 'peer-2', resourceId: 'net-0', expiresAt: undefined },
                    { peer: 'peer-2', resourceId: 'net-0', expiresAt: instant(0) },
                  ],
                },
              ],
            ],
          ],
        ],
      },
    )
  })
})
