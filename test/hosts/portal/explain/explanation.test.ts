import { expect } from 'chai'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import { Facts, optional } from '../../../../core/contract/facts.ts'
import { endpoint } from '../../../../core/runtime/endpoint.ts'
import { HOUR, unixTime } from '../../../../core/runtime/time.ts'
import { explanationText } from '../../../../hosts/portal/explain/explanation-text.ts'
import { decisionsOf, type Decisions, type SpokenQuestion } from '../../../../hosts/portal/explain/decisions.ts'
import { ClientVerified } from '../../../../plugins/condition-client-verified/client-verified.ts'
import { RemoteIp } from '../../../../plugins/condition-remote-ip/remote-ip.ts'
import { Settings as RemoteIpSettings } from '../../../../plugins/condition-remote-ip/config.ts'
import { TimeWindow } from '../../../../plugins/condition-time-window/time-window.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition } from '../../../kit/extensions.ts'
import { Company, PortalBench } from '../../../kit/portal-bench.ts'
import { fact } from '../../../kit/facts.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const conditions = {
  'remote-ip': condition(new RemoteIp(), { address: Facts.client.address }),
  'time-window': condition(new TimeWindow()),
  'client-verified': condition(new ClientVerified(), { isVerified: Facts.device.isVerified }),
  looks: condition(
    { evaluate: () => ({ holds: true, reason: 'looked' }) },
    {
      id: Facts.actor.id,
      email: Facts.actor.email,
      groups: Facts.actor.groups,
      os: Facts.device.os,
      version: Facts.device.version,
      at: optional(Facts.signIn.at),
      resource: Facts.resource.name,
      site: Facts.site.name,
    },
  ),
}

const from = (range: string) => ({
  condition: 'remote-ip',
  settings: RemoteIpSettings.parse({ operator: 'in', ranges: [range] }),
})
const always = {
  condition: 'time-window',
  settings: {
    timezone: 'UTC',
    ranges: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '08:00', to: '18:00' }],
  },
}
const MONDAY_NOON = unixTime(Date.UTC(2026, 0, 5, 12))

describe('explanations', () => {
  let bench: PortalBench
  let company: Company
  let decisions: Decisions

  beforeEach(() => {
    const given = { relays: () => [], credentials: () => ({ username: 'user', password: 'password' }) }
    const random = new RandomSelector({ random: new SeededRandom(3) })
    bench = new PortalBench({ conditions, selectors: { random }, relayProviders: { given } })
    company = new Company(bench)
    decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
  })

  const explain = (more: Partial<SpokenQuestion> = {}) => {
    const { account, actor, resource } = company
    const verdict = decisions.explain({ accountId: account.id, actor: actor.id, resource: resource.id, ...more })
    if (!verdict.ok) throw new Error(`unknown ${verdict.unknown}`)
    return verdict.explanation
  }

  it('P8 an explanation names what gateways have trouble with among the names of a resource, until it is over', () => {
    bench.patch('resources', company.resource, { type: 'dns', address: '*.example.org' })
    const gateway = company.gatewayJoins(0)
    const say = (domain: string, ipv4: string, ipv6: string, resource_id = company.resource.id) =>
      gateway.say('name_findings', { resource_id, domain, ipv4, ipv6 })
    say('Typo.example.org', 'no_such_name', 'no_such_name')
    say('bad.example.org', 'refused_address', 'no_record')
    say('fine.example.org', 'found', 'no_record')
    say('www.example.com', 'servfail', 'servfail')
    say('other.example.org', 'servfail', 'servfail', company.network('203.0.113.0/24').id)
    say('odd.example.org', 'who_knows', 'servfail')
    const { names } = explain()
    expect(names.map(({ domain, gatewayName }) => [domain, gatewayName])).to.deep.equal([
      ['bad.example.org', company.gateways[0].name],
      ['typo.example.org', company.gateways[0].name],
    ])
    const [bad, typo] = explanationText(explain()).slice(-2)
    expect(bad).to.match(/^As .* found at .* UTC: bad\.example\.org: the site has an address that is never a server/)
    expect(typo).to.match(/typo\.example\.org: the site's name servers do not have the name/)
    say('typo.example.org', 'found', 'no_record')
    expect(explain().names.map(({ domain }) => domain)).to.deep.equal(['bad.example.org'])
    bench.remove(['gateways', company.gateways[0]])
    expect(explain().names).to.deep.equal([])
  })

  it('M4 P8 a gateway whose machine cannot forward is not chosen, and an explanation says so, until it is over', () => {
    const gateway = company.gatewayJoins(0)
    gateway.say('set_capabilities', { features: ['host_problems'] })
    expect(gateway.events()).to.include('report_problems')
    const said = 'a firewall of this machine drops the packets of clients'
    gateway.say('host_problems', { problems: [{ code: 'forward_drop', said }] })
    const { gateway: blocked } = explain()
    expect(blocked.choice).to.equal(undefined)
    expect(blocked.gateways[0]).to.deep.include({ isConnected: true, problems: [{ code: 'forward_drop', said }] })
    const text = explanationText(explain()).join('\n')
    expect(text).to.contain('can forward: nobody would serve.')
    expect(text).to.contain(
      `${company.gateways[0].name} is connected and cannot forward, so it is not chosen: ${said} (forward_drop).`,
    )
    gateway.say('host_problems', { problems: [{ code: 'Not a code', said }] })
    company.gatewayJoins(1)
    expect(explain().gateway.choice?.gatewayId).to.equal(company.gateways[1].id)
    gateway.say('host_problems', { problems: [] })
    expect(explain().gateway.gateways.flatMap(({ problems }) => problems)).to.deep.equal([])
    expect(explain().gateway.gateways.every(({ isCompatible }) => isCompatible)).to.equal(true)
  })

  it('P8 an explanation names the relays that both ends were offered, in words where the client does not reach a gateway', () => {
    const [gateway] = company.gateways
    const relay = (number: number, accountId?: string) => ({
      id: `00000000-0000-4000-9000-00000000000${number}`,
      provider: 'given',
      name: `relay-${number}`,
      endpoints: [endpoint(`192.0.2.${number}`, 3478)],
      ...(accountId === undefined ? {} : { accountId }),
    })
    const client = company.clientJoins()
    company.gatewayJoins(0)
    const ask = (...unreachable_gateway_ids: string[]) =>
      client.say('request_authorization', {
        resource_id: company.resource.id,
        connected_gateway_ids: [],
        unreachable_gateway_ids,
      })
    const about = () => explain({ clientId: company.client.id })
    const lines = () => explanationText(about()).filter((line) => line.includes('does not reach'))
    ask()
    expect(lines()).to.deep.equal([])
    ask(gateway.id.toUpperCase())
    expect(lines()).to.deep.equal([
      `The client says that it does not reach the gateway ${gateway.name}, and no relay was offered to either: GET /api/v1/relays says which relays there are.`,
    ])
    bench.dispatch({ type: 'relaysChanged', relays: [relay(1), relay(2), relay(3, bench.id())] })
    const { relays } = about()
    expect(relays.ofClient.map(({ name }) => name)).to.have.members(['relay-1', 'relay-2'])
    expect(relays.ofGateways.get(gateway.id)?.map(({ name }) => name)).to.have.members(['relay-1', 'relay-2'])
    expect(lines().join()).to.match(
      /Relays offered to the client: relay-\d, relay-\d; to the gateway: relay-\d, relay-\d\.$/,
    )
    ask()
    expect(lines()).to.deep.equal([])
  })

  it('P8 an explanation names each policy, each condition with its facts, the verdict, and the gateway with the reason', () => {
    company.gatewayJoins(0)
    company.gatewayJoins(1)
    const foreign = bench.row('groups', { ...company.group, id: bench.id(), name: 'Others' })
    const other = company.allow(foreign.id, company.resource.id)
    bench.patch('policies', company.policy, {
      description: 'staff at work',
      conditions: [from('192.0.2.0/24'), always],
    })
    const explanation = explain({
      at: MONDAY_NOON,
      facts: { 'client.address': '192.0.2.7' },
      traffic: { protocol: 'tcp', port: 443 },
    })
    expect(explanation.isAllowed).to.equal(true)
    expect(explanation.verdict).to.deep.include({
      allowed: true,
      policyId: company.policy.id,
      expiresAt: unixTime(Date.UTC(2026, 0, 5, 18)),
    })
    expect(explanation.verdict.explanation.map(({ policyId, outcome }) => [policyId, outcome])).to.have.deep.members([
      [company.policy.id, 'conforms'],
      [other.id, 'not_a_member'],
    ])
    const [first] = explanation.verdict.explanation.filter(({ outcome }) => outcome === 'conforms')
    expect(
      first?.conditions.map(({ condition, facts, holds, judgedBy }) => ({ condition, facts, holds, judgedBy })),
    ).to.deep.equal([
      {
        condition: 'remote-ip',
        facts: { 'client.address': fact('192.0.2.7', { source: 'question', since: MONDAY_NOON }) },
        holds: true,
        judgedBy: 'test-remote-ip 1.0.0',
      },
      { condition: 'time-window', facts: {}, holds: true, judgedBy: 'test-time-window 1.0.0' },
    ])
    expect(company.gateways.map(({ id }) => id)).to.include(explanation.gateway.choice?.gatewayId)
    expect(explanation.gateway.choice?.reason).to.match(/2/)
    const text = explanationText(explanation).join('\n')
    expect(text).to.match(
      /^Ada asks for 198\.51\.100\.0\/24, TCP port 443, from 192\.0\.2\.7, at 2026-01-05 12:00 UTC\.$/m,
    )
    expect(text).to.match(/^Access is granted by the policy “staff at work” for Staff, until 2026-01-05 18:00 UTC\.$/m)
    expect(text).to.match(/is for a group that this actor is not in\.$/m)
    expect(text).to.match(/^The gateway would be gw-[12], chosen because it is /m)
  })

  it('P8 an explanation says what denies access: hours, address, filter, verification, and who is not there', () => {
    bench.patch('policies', company.policy, { conditions: [from('192.0.2.0/24'), always] })
    const outside = explain({ at: unixTime(MONDAY_NOON + 8 * HOUR), facts: { 'client.address': '192.0.2.7' } })
    expect(outside.verdict).to.deep.include({
      allowed: false,
      denied: 'forbidden',
      again: unixTime(Date.UTC(2026, 0, 6, 8)),
    })
    expect(explanationText(outside).join('\n')).to.match(/It may be granted from 2026-01-06 08:00 UTC on\./)
    const unknown = explain({ at: MONDAY_NOON })
    expect(explanationText(unknown).join('\n')).to.match(/remote-ip does not hold: the fact client\.address is unknown/)

    const resource = bench.patch('resources', company.resource, { filters: [{ protocol: 'tcp', ports: ['443'] }] })
    bench.patch('policies', company.policy, { conditions: [] })
    expect(explain({ resource: resource.id, traffic: { protocol: 'tcp', port: 22 } })).to.deep.include({
      isAllowed: false,
    })
    expect(explain({ traffic: { protocol: 'tcp', port: 443 } }).isAllowed).to.equal(true)
    expect(explain().gateway.choice).to.equal(undefined)
    expect(explanationText(explain()).at(-1)).to.equal('No gateway of the site Main is connected: nobody would serve.')

    bench.patch('actors', company.actor, { isDisabled: true })
    expect(explain()).to.deep.include({ isAllowed: false, obstacle: 'actor_disabled' })
  })

  it('P8 an explanation finds the actor by e-mail address and the resource by name, by a name under a pattern, and by an address in a network', () => {
    bench.patch('actors', company.actor, { email: 'ada@example.org' })
    const pattern = bench.row('resources', {
      ...company.resource,
      id: bench.id(),
      name: 'Web',
      type: 'dns',
      address: '*.example.org',
    })
    const precise = bench.row('resources', { ...pattern, id: bench.id(), name: 'Git', address: 'git.example.org' })
    const narrow = bench.row('resources', {
      ...company.resource,
      id: bench.id(),
      name: 'Host',
      type: 'ip',
      address: '198.51.100.7',
    })
    for (const { id } of [pattern, precise, narrow]) company.allow(company.group.id, id)
    const found = (resource: string) => explain({ actor: 'Ada@example.org', resource }).resource.id
    expect(found('web')).to.equal(pattern.id)
    expect(found('www.example.org')).to.equal(pattern.id)
    expect(found('git.example.org')).to.equal(precise.id)
    expect(found('198.51.100.7')).to.equal(narrow.id)
    expect(found('198.51.100.8')).to.equal(company.resource.id)
    const ask = (actor: string, resource: string) =>
      decisions.explain({ accountId: company.account.id, actor, resource })
    expect(ask('eve@example.org', 'git.example.org')).to.deep.equal({ ok: false, unknown: 'actor' })
    expect(ask(company.actor.id, 'nowhere.example.net')).to.deep.equal({ ok: false, unknown: 'resource' })
  })

  it('P8 an explanation reads from the device what the question leaves out: address, provider and verification', () => {
    bench.patch('policies', company.policy, {
      conditions: [from('203.0.113.0/24'), { condition: 'client-verified', settings: { verified: true } }],
    })
    const about = () => explain({ clientId: company.client.id })
    const verified = { name: 'device.is_verified', source: 'portal' }
    const address = { name: 'client.address', value: '203.0.113.45', source: 'portal' }
    expect(about().facts).to.deep.equal([{ ...verified, value: false, since: unixTime(0) }])
    const client = company.clientJoins()
    bench.patch('clients', company.client, { verifiedAt: unixTime(1) })
    expect(about().isAllowed).to.equal(true)
    const [joined, left] = [bench.unix(), unixTime(bench.unix() + bench.machine.knowledge.limits.placeMs)]
    expect(about().facts).to.deep.include({ ...address, since: joined })
    expect(about().facts).to.deep.include({ ...verified, value: true, since: joined })
    client.leave()
    expect(about().facts).to.deep.include({ ...address, since: joined, validUntil: left })
    expect(explain({ clientId: company.client.id, facts: { 'client.address': '192.0.2.1' } }).isAllowed).to.equal(false)
  })

  it('P8 an explanation names each fact that a verdict rested on, with its source and since when, and marks what only the client says', () => {
    bench.patch('actors', company.actor, { email: 'ada@example.org' })
    bench.patch('policies', company.policy, { conditions: [{ condition: 'looks', settings: {} }] })
    const client = company.clientJoins()
    const { facts, unknownFacts, verdict } = explain({ clientId: company.client.id })
    expect(verdict.allowed).to.equal(true)
    const since = bench.unix()
    const known: Record<string, unknown> = Object.fromEntries(facts.map(({ name, ...fact }) => [name, fact]))
    expect(known).to.deep.include({
      'actor.id': { value: company.actor.id, source: 'portal', since: unixTime(0) },
      'actor.email': { value: 'ada@example.org', source: 'portal', since },
      'actor.groups': { value: [company.group.id], source: 'portal', since },
      'device.os': { value: 'Debian', source: 'client', since },
      'device.version': { value: '0.1.0', source: 'client', since },
      'resource.name': { value: '198.51.100.0/24', source: 'portal', since: unixTime(0) },
      'site.name': { value: 'Main', source: 'portal', since: unixTime(0) },
    })
    expect(unknownFacts).to.deep.equal(['sign_in.provider_id', 'sign_in.at'])
    const text = explanationText(explain({ clientId: company.client.id })).join('\n')
    expect(text).to.match(/the operating system is Debian \(as the client itself says since [^;]* UTC, not proven\)/)
    expect(text).to.match(/the e-mail address is ada@example\.org \(as the portal knows since [^;]* UTC\)/)
    expect(text).to.match(/^Unknown facts: .*the time of the sign-in\.$/m)
    client.leave()
    company.clientJoins()
    const again = explain({ clientId: company.client.id }).facts.find(({ name }) => name === 'device.os')
    expect(again).to.deep.include({ value: 'Debian', since })
  })

  it('P8 an explanation has the verdict of a real request, whatever the rules', () => {
    const arbitrary = fc.record({
      ranges: fc.array(fc.constantFrom('203.0.113.0/24', '192.0.2.0/24'), { maxLength: 2 }),
      isDisabled: fc.boolean(),
      mode: fc.constantFrom<'enforced' | 'shadow'>('enforced', 'enforced', 'shadow'),
      isMember: fc.boolean(),
      isVerified: fc.boolean(),
      wantsVerified: fc.boolean(),
    })
    fc.assert(
      fc.property(arbitrary, ({ ranges, isDisabled, mode, isMember, isVerified, wantsVerified }) => {
        const world = new PortalBench({
          conditions,
          selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
        })
        const firm = new Company(world)
        world.patch('policies', firm.policy, {
          isDisabled,
          mode,
          conditions: [
            ...ranges.map(from),
            ...(wantsVerified ? [{ condition: 'client-verified', settings: { verified: true } }] : []),
          ],
        })
        if (!isMember) world.remove(['memberships', firm.membership])
        if (isVerified) world.patch('clients', firm.client, { verifiedAt: unixTime(1) })
        const gateway = firm.gatewayJoins()
        const client = firm.clientJoins()
        client.heard()
        client.say('request_authorization', { resource_id: firm.resource.id, connected_gateway_ids: [] })
        for (const { event, payload } of gateway.heard()) {
          if (event === 'create_authorization') gateway.say('authorization_created', { ref: payload.ref })
        }
        const decided = client.events().includes('authorization_created')
        const verdict = decisionsOf(world.machine.knowledge, () => world.clock.now()).explain({
          accountId: firm.account.id,
          actor: firm.actor.id,
          resource: firm.resource.id,
          clientId: firm.client.id,
        })
        expect(verdict.ok && verdict.explanation.isAllowed).to.equal(decided)
        const told = verdict.ok && !verdict.explanation.verdict.allowed ? verdict.explanation.verdict.denied : 'granted'
        expect(world.decisions.at(-1)?.reason).to.equal(told)
      }),
    )
  })

  it('a policy in shadow mode grants nothing, and the explanation says what it would have done', () => {
    const gateway = company.gatewayJoins()
    const client = company.clientJoins()
    bench.patch('policies', company.policy, { mode: 'shadow', description: 'to be' })
    client.heard()
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    expect(client.heard().at(-1)?.payload).to.include({ reason: 'not_found' })
    expect(gateway.events()).not.to.include('create_authorization')
    const { policies } = (bench.decisions.at(-1)?.details ?? { policies: [] }) as {
      policies: { mode: string; outcome: string }[]
    }
    expect(policies).to.have.length(1)
    expect(policies[0]).to.include({ mode: 'shadow', outcome: 'conforms' })
    expect(explanationText(explain()).join('\n')).to.match(
      /“to be” for Staff, in shadow mode, would grant it: it has no conditions/,
    )
  })

  it('shadow mode withdraws what a policy granted while it was enforced', () => {
    const gateway = company.gatewayJoins()
    const client = company.clientJoins()
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    const [create] = gateway.heard().filter(({ event }) => event === 'create_authorization')
    gateway.say('authorization_created', { ref: create?.payload.ref })
    bench.patch('policies', company.policy, { mode: 'shadow' })
    expect(gateway.events()).to.include('reject_access')
    expect(bench.authorizations.size).to.equal(0)
  })

  describe('explanations for the person herself', () => {
    const own = () =>
      decisions.accessOf({ accountId: company.account.id, actorId: company.actor.id, clientId: company.client.id })

    it('P8 a person is told of all that exists for her whether she may have it, and why not, in words', () => {
      company.clientJoins()
      bench.patch('policies', company.policy, { description: 'at the office', conditions: [from('192.0.2.0/24')] })
      expect(own()).to.deep.equal([
        {
          resource: { id: company.resource.id, name: '198.51.100.0/24', type: 'cidr', address: '198.51.100.0/24' },
          isAllowed: false,
          text: 'You have no access at the moment.',
          facts: ['the address is 203.0.113.45 (as the portal knows since 2026-01-05 09:00 UTC)'],
          ways: [
            {
              description: 'at the office',
              obstacles: ['your address, 203.0.113.45, is not in the ranges that this policy allows'],
            },
          ],
        },
      ])
      bench.patch('policies', company.policy, { conditions: [] })
      expect(own()[0]).to.deep.include({ isAllowed: true, text: 'You have access.' })
    })

    it('P10 a person is told nothing of what is for others, in shadow mode, disabled, or of another account', () => {
      const hidden = company.network('192.0.2.0/24')
      const foreign = bench.row('groups', { ...company.group, id: bench.id(), name: 'Others' })
      company.allow(foreign.id, hidden.id)
      company.allow(foreign.id, company.resource.id)
      bench.patch('policies', company.allow(company.group.id, hidden.id), { mode: 'shadow' })
      const text = JSON.stringify(own())
      expect(own().map(({ resource }) => resource.id)).to.deep.equal([company.resource.id])
      expect(text).not.to.match(/Others|Staff/)
      const stranger = { accountId: bench.id(), actorId: company.actor.id }
      expect(decisions.accessOf(stranger)).to.deep.equal([])
    })
  })
})
