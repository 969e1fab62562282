import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { Facts, type Fact, type FactToken } from '../../../../core/contract/facts.ts'
import { unixTime } from '../../../../core/runtime/time.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

/** A condition that holds while a fact is what its settings say. */
const is = <T>(fact: FactToken<T>) =>
  condition<{ value: T }, { fact: Fact<T> }>(
    {
      evaluate: ({ settings, facts }) => ({
        holds: JSON.stringify(facts.fact.value) === JSON.stringify(settings.value),
        reason: 'compared',
      }),
    },
    { fact },
  )

const READ = {
  type: Facts.actor.type,
  email: Facts.actor.email,
  groups: Facts.actor.groups,
  providerType: Facts.signIn.providerType,
  isVerified: Facts.device.isVerified,
  version: Facts.device.version,
  os: Facts.device.os,
  address: Facts.client.address,
  resource: Facts.resource.name,
  site: Facts.site.name,
}

const conditions = Object.fromEntries(Object.entries(READ).map(([key, fact]) => [key, is<unknown>(fact)]))

describe('grants that rest on a fact', () => {
  let bench: PortalBench
  let company: Company
  let gateway: BenchPeer | undefined
  let client: BenchPeer

  beforeEach(() => {
    bench = new PortalBench({ conditions, selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) } })
    company = new Company(bench)
    gateway = undefined
  })

  /** Grants access on the condition that a fact has a value. */
  const granted = (key: keyof typeof READ, value: unknown, tokenId = company.clientToken.id) => {
    bench.patch('policies', company.policy, { conditions: [{ condition: key, settings: { value } }] })
    gateway ??= company.gatewayJoins()
    client = company.clientJoins({ tokenId })
    gateway.heard()
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    const given = gateway.heard().find(({ event }) => event === 'create_authorization')
    gateway.say('authorization_created', { ref: given?.payload.ref })
    expect(bench.machine.counts().grants, `granted by ${key}`).to.equal(1)
    gateway.heard()
  }
  const isWithdrawn = () => {
    expect(gateway?.events()).to.include('reject_access')
    expect(bench.machine.counts().grants).to.equal(0)
  }

  it('P11 end at once when the actor gets another role', () => {
    granted('type', 'user')
    bench.patch('actors', company.actor, { type: 'admin' })
    isWithdrawn()
  })

  it('P11 end at once when the e-mail address changes', () => {
    const actor = bench.patch('actors', company.actor, { email: 'ada@example.org' })
    granted('email', 'ada@example.org')
    bench.patch('actors', actor, { email: 'ada@example.com' })
    isWithdrawn()
  })

  it('P11 end at once when the person joins or leaves another group, and stay where they do not read groups', () => {
    const others = bench.row('groups', { ...company.group, id: bench.id(), name: 'Others' })
    granted('groups', [company.group.id])
    const joined = company.join(company.actor.id, others.id)
    isWithdrawn()
    client.leave()
    granted('groups', [company.group.id, others.id].toSorted())
    bench.remove(['memberships', joined])
    isWithdrawn()
    client.leave()
    granted('type', 'user')
    company.join(company.actor.id, others.id)
    expect(gateway?.events()).to.deep.equal([])
  })

  it('P11 end at once when the identity provider becomes one of another type', () => {
    const provider = bench.row('identity_providers', {
      id: bench.id(),
      accountId: company.account.id,
      name: 'Provider',
      type: 'oidc',
      settings: {},
      isDefault: false,
      isDisabled: false,
      clientTokenLifetimeSeconds: 3600,
      sessionLifetimeSeconds: 3600,
      emailDomains: ['*'],
      createdAt: unixTime(0),
      updatedAt: unixTime(0),
    })
    const token = company.token({ kind: 'client', actorId: company.actor.id, identityProviderId: provider.id })
    granted('providerType', 'oidc', token.id)
    bench.patch('identity_providers', provider, { type: 'email-otp' })
    isWithdrawn()
  })

  it('P11 end at once when an admin takes the verification back', () => {
    const device = bench.patch('clients', company.client, { verifiedAt: unixTime(1) })
    granted('isVerified', true)
    bench.patch('clients', device, { verifiedAt: null })
    isWithdrawn()
  })

  it('P11 end at once when the device comes back from elsewhere, or with another version', () => {
    granted('address', '203.0.113.45')
    client.leave()
    client = company.clientJoins({ remoteIp: '192.0.2.77' })
    isWithdrawn()
    client.leave()
    granted('version', '0.1.0')
    client.leave()
    company.clientJoins({ version: '0.2.0' })
    isWithdrawn()
  })

  it('P11 end when the place of a device that is away counts for nothing any more', () => {
    granted('os', 'Debian')
    client.leave()
    bench.clock.advance(bench.machine.knowledge.limits.placeMs - 1)
    expect(bench.machine.counts().grants).to.equal(1)
    bench.clock.advance(1)
    expect(bench.machine.counts().grants).to.equal(0)
    expect([...bench.authorizations.values()]).to.deep.equal([])
  })

  it('P11 end at once when the resource or its site gets another name', () => {
    granted('resource', '198.51.100.0/24')
    bench.patch('resources', company.resource, { name: 'Lab' })
    isWithdrawn()
    client.leave()
    granted('site', 'Main')
    bench.patch('sites', company.site, { name: 'Branch' })
    isWithdrawn()
  })
})
