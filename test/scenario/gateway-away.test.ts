import { expect } from 'chai'
import { describe, it } from 'mocha'
import { toHex } from '../../core/crypto/text-encoding.ts'
import { MINUTE, SECOND } from '../../core/runtime/time.ts'
import { MemoryTransport } from '../../plugins/transport-memory/memory-transport.ts'
import { VirtualWorld } from '../kit/virtual-world.ts'

const ADDRESS = '192.0.2.9'

/** Makes a world with one client and its one grant at one gateway, and returns the rows that the grant depends on. */
const granted = () => {
  const world = new VirtualWorld({ transport: new MemoryTransport() })
  const { portal, site } = world
  site.machine('printer', [ADDRESS])
  const provider = portal.provider('login')
  const actor = portal.actor('ada')
  const group = portal.group('staff', actor)
  const resource = portal.resource('cidr', `${ADDRESS}/32`)
  const policy = portal.policy(group.id, resource.id)
  const gateway = world.startGateway('one')
  world.clock.advance(200)
  const nonce = toHex(world.random.bytes(32))
  const client = world.startClientWith('ada', `${nonce}${portal.signIn(actor, nonce, provider.id)}`)
  world.clock.advance(200)
  client.send({ to: ADDRESS, port: 7, payload: 'ada' })
  expect(world.until(() => client.received.length > 0, { withinMs: 3_000 })).to.not.equal(undefined)
  expect(gateway.flows.grants()).to.have.length(1)
  return { world, portal, gateway, provider, actor, group, resource, policy }
}

type Granted = ReturnType<typeof granted>

const REMOVALS: Record<string, (of: Granted) => void> = {
  'the policy is removed': ({ portal, policy }) => portal.remove('policies', policy.id),
  'the policy is disabled': ({ portal, policy }) => portal.patch('policies', policy.id, { isDisabled: true }),
  'the policy goes into shadow mode': ({ portal, policy }) => portal.patch('policies', policy.id, { mode: 'shadow' }),
  'the policy gets a condition that does not hold': ({ portal, policy }) =>
    portal.patch('policies', policy.id, {
      conditions: [{ condition: 'remote-ip', settings: { operator: 'in', ranges: [`${ADDRESS}/32`] } }],
    }),
  'the resource is removed with its policies': ({ portal, resource }) => portal.remove('resources', resource.id),
  'the resource moves': ({ portal, resource }) => portal.patch('resources', resource.id, { address: '192.0.2.10/32' }),
  'the group is removed with its policies': ({ portal, group }) => portal.remove('groups', group.id),
  'the membership is removed': ({ portal }) => portal.remove('memberships', portal.rows('memberships')[0]?.id ?? ''),
  'the actor is removed with all that is hers': ({ portal, actor }) => portal.remove('actors', actor.id),
  'the actor is disabled': ({ portal, actor }) => portal.patch('actors', actor.id, { isDisabled: true }),
  'the device is removed': ({ portal }) => portal.remove('clients', portal.rows('clients')[0]?.id ?? ''),
  'the token is revoked': ({ portal, actor }) =>
    portal.remove('tokens', portal.rows('tokens').find(({ actorId }) => actorId === actor.id)?.id ?? ''),
  'the provider is disabled': ({ portal, provider }) =>
    portal.patch('identity_providers', provider.id, { isDisabled: true }),
  'the provider is removed with its tokens': ({ portal, provider }) => portal.remove('identity_providers', provider.id),
  'the authorization is withdrawn': ({ portal }) =>
    portal.remove('authorizations', portal.rows('authorizations')[0]?.id ?? ''),
}

describe('a gateway that is cut off from the portal', () => {
  for (const [what, remove] of Object.entries(REMOVALS)) {
    for (const restarts of [false, true]) {
      const meanwhile = restarts ? ', and the portal restarts and has forgotten what it owes it' : ''
      it(`P6 a gateway that was cut off has no grant once it is back where ${what}${meanwhile}`, () => {
        const of = granted()
        const { world, portal, gateway } = of
        world.network.setLink(world.portalHost, gateway.host, { cut: true })
        remove(of)
        world.clock.advance(10 * SECOND)
        // A gateway that is cut off from the portal keeps serving grants: they have not expired.
        expect(gateway.flows.grants()).to.have.length(1)
        if (restarts) {
          portal.stop()
          world.clock.advance(SECOND)
          portal.start()
        }
        world.network.setLink(world.portalHost, gateway.host, { latencyMs: 5 })
        world.clock.advance(2 * MINUTE)
        expect(gateway.flows.grants()).to.deep.equal([])
        expect(portal.rows('authorizations')).to.deep.equal([])
        expect(portal.counts).to.include({ gateways: 1, grants: 0, withdrawals: 0 })
      })
    }
  }
})
