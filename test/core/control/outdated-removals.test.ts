import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { ToPortal } from '../../../core/control/messages.ts'
import { withoutOutdatedRemovals } from '../../../core/control/outdated-removals.ts'

const GATEWAY = '25ff1dfe-00e1-44e4-8f19-a837c9b5a2da'
const OTHER = '745cf649-4c87-459b-9fd6-fa8870507ac0'

const removes = (candidates: string[], gateway_id = GATEWAY): ToPortal<'client'> => ({
  event: 'invalidateGatewayIceCandidates',
  payload: { gateway_id, candidates },
})
const adds = (candidates: string[], gateway_id = GATEWAY): ToPortal<'client'> => ({
  event: 'newGatewayIceCandidates',
  payload: { gateway_id, candidates },
})

describe('messages about candidates that were held while the portal was away', () => {
  it('H7 a client that has its address again does not take its candidate back first, and does take back what is gone', () => {
    const held = [removes(['same', 'gone']), adds(['same', 'new'])]
    expect(withoutOutdatedRemovals<'client'>(held)).to.deep.equal([removes(['gone']), adds(['same', 'new'])])
    expect(withoutOutdatedRemovals<'client'>([removes(['same']), adds(['same'])])).to.deep.equal([adds(['same'])])
  })

  it('a candidate that was added first, or for another gateway, is taken back', () => {
    const first = [adds(['one']), removes(['one'])]
    expect(withoutOutdatedRemovals<'client'>(first)).to.deep.equal(first)
    const elsewhere = [removes(['one']), adds(['one'], OTHER)]
    expect(withoutOutdatedRemovals<'client'>(elsewhere)).to.deep.equal(elsewhere)
  })

  it('H7 a gateway that has its address again does not take its candidate back from clients that are told it anew', () => {
    const gone: ToPortal<'gateway'> = {
      event: 'broadcastInvalidatedIceCandidates',
      payload: { client_ids: ['a', 'b'], candidates: ['one'] },
    }
    const known = (client_ids: string[]): ToPortal<'gateway'> => ({
      event: 'broadcastIceCandidates',
      payload: { client_ids, candidates: ['one'] },
    })
    expect(withoutOutdatedRemovals<'gateway'>([gone, known(['b', 'a', 'c'])])).to.deep.equal([known(['b', 'a', 'c'])])
    expect(withoutOutdatedRemovals<'gateway'>([gone, known(['a'])])).to.deep.equal([gone, known(['a'])])
  })
})
