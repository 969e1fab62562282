import { expect } from 'chai'
import { describe, it } from 'mocha'
import { GatewaySelectors, PolicyConditions, UpstreamResolvers } from '../../../core/contract/extension-point.ts'
import { definePlugin } from '../../../core/plugin/define-plugin.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { Random } from '../../../core/runtime/random.ts'
import { TunDevices } from '../../../core/runtime/tun-device.ts'
import { providedBy } from '../../conformance/provided-by.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

const holds = () => ({ evaluate: () => ({ holds: true, reason: 'always' }) })

const two = definePlugin({
  name: 'condition-two',
  api: 1,
  setup({ provide }) {
    provide(PolicyConditions, 'one', { create: holds })
    provide(PolicyConditions, 'other', { create: holds })
    provide(GatewaySelectors, 'drawn', {
      needs: { random: Random },
      create: ({ random }) => ({
        select: ({ candidates: [{ id }] }) => ({ gatewayId: id, reason: `drew ${random.bytes(1).join('')}` }),
      }),
    })
  },
})

describe('providedBy of portreeve/testing', () => {
  it('asks for the key of one of several, and says what there is where there is none', () => {
    expect(() => providedBy(two, PolicyConditions)).to.throw(/provides one, other at policy-conditions: give the key/)
    expect(providedBy(two, PolicyConditions, { key: 'other' }).create()).to.have.property('evaluate')
    expect(() => providedBy(two, PolicyConditions, { key: 'third' })).to.throw(/one, other/)
    expect(() => providedBy(two, UpstreamResolvers)).to.throw(/provides nothing at upstream-resolvers/)
  })

  it('makes ready ports anew for each implementation, and shares those that a test gives', () => {
    const question = { settings: {}, facts: {}, clientId: 'c', resourceId: 'r' }
    const drawn = (create: () => unknown) =>
      (create() as { select: (asked: object) => { reason: string } }).select({ ...question, candidates: [{ id: 'g' }] })
        .reason
    const { create } = providedBy(two, GatewaySelectors)
    expect(drawn(create)).to.equal(drawn(create))
    const shared = providedBy(two, GatewaySelectors, { ports: [[Random, new SeededRandom('shared')]] })
    expect(drawn(shared.create)).not.to.equal(drawn(shared.create))
  })

  it('stops with the error of a host where the plugin does not fit', () => {
    const needy = definePlugin({
      name: 'condition-needy',
      api: 1,
      setup({ provide }) {
        provide(PolicyConditions, 'needy', { needs: { tun: TunDevices }, create: holds })
      },
    })
    expect(() => providedBy(needy, PolicyConditions)).to.throw(OperatorError, /tun-devices.*this host does not have/)
    expect(() => providedBy(two, PolicyConditions, { key: 'one', config: { a: 1 } })).to.throw(/takes no configuration/)
  })
})
