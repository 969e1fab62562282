import { expect } from 'chai'
import * as fc from 'fast-check'
import { beforeEach, describe, it } from 'mocha'
import { z } from 'zod'
import { fact, Facts, optional, type Fact } from '../../../../core/contract/facts.ts'
import type { FactSource } from '../../../../core/contract/fact-source.ts'
import { FEATURES } from '../../../../core/control/messages.ts'
import { settingsSchema } from '../../../../core/plugin/settings-schema.ts'
import { MINUTE, SECOND } from '../../../../core/runtime/time.ts'
import { decisionsOf } from '../../../../hosts/portal/explain/decisions.ts'
import { explanationText } from '../../../../hosts/portal/explain/explanation-text.ts'
import { RandomSelector } from '../../../../plugins/selector-random/random-selector.ts'
import { condition, extension } from '../../../kit/extensions.ts'
import { Company, PortalBench, type BenchPeer } from '../../../kit/portal-bench.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

const Disk = z.strictObject({ isEncrypted: z.boolean() })
type Disk = z.output<typeof Disk>
const DiskOf = fact('disk.root', Disk, { from: 'client' })
const MoodOf = fact('mood.of', z.string(), { by: Facts.actor.email })

const conditions = {
  encrypted: condition<unknown, { disk: Fact<Disk> }>(
    { evaluate: ({ facts }) => ({ holds: facts.disk.value.isEncrypted, reason: 'as the disk is' }) },
    { disk: DiskOf },
  ),
  perhaps: condition<unknown, { disk?: Fact<Disk> | undefined }>(
    { evaluate: ({ facts }) => ({ holds: facts.disk?.value.isEncrypted !== false, reason: 'as far as it is known' }) },
    { disk: optional(DiskOf) },
  ),
}

const GOOD_FOR_MS = 2 * MINUTE
const source = (token: typeof DiskOf | typeof MoodOf, schema: z.ZodType) =>
  extension<FactSource>(
    token.name,
    { refresh: () => Promise.reject(new Error('the test says the facts')) },
    {
      brings: {
        fact: token,
        schema: settingsSchema(schema, 'a fact'),
        everyMs: MINUTE,
        goodForMs: GOOD_FOR_MS,
      },
    },
  )

describe('facts that a client says of its own machine', () => {
  let bench: PortalBench
  let company: Company
  let gateway: BenchPeer
  let client: BenchPeer

  const newBench = (): PortalBench =>
    new PortalBench({
      conditions,
      selectors: { random: new RandomSelector({ random: new SeededRandom(3) }) },
      factSources: new Map([
        ['disk', source(DiskOf, Disk)],
        ['mood', source(MoodOf, z.string())],
      ]),
    })

  beforeEach(() => {
    bench = newBench()
    company = new Company(bench)
    bench.patch('actors', company.actor, { email: 'ada@example.org' })
    require('encrypted')
    gateway = company.gatewayJoins()
    client = company.clientJoins({}, [FEATURES.clientFacts])
  })

  const require = (key: string) =>
    bench.patch('policies', company.policy, { conditions: [{ condition: key, settings: {} }] })
  const say = (...facts: unknown[]) => client.say('client_facts', { facts })
  const sayDisk = (isEncrypted: boolean, more = {}) => say({ name: 'disk.root', value: { isEncrypted }, ...more })
  const grants = () => bench.machine.counts().grants
  const ask = () => {
    client.say('request_authorization', { resource_id: company.resource.id, connected_gateway_ids: [] })
    const given = gateway.heard().find(({ event }) => event === 'create_authorization')
    if (given !== undefined) gateway.say('authorization_created', { ref: given.payload.ref })
    return grants()
  }
  const explanation = (clientId: string = company.client.id) => {
    const { account, actor, resource } = company
    const decisions = decisionsOf(bench.machine.knowledge, () => bench.clock.now())
    const verdict = decisions.explain({ accountId: account.id, actor: actor.id, resource: resource.id, clientId })
    if (!verdict.ok) throw new Error(verdict.unknown)
    return verdict.explanation
  }
  const known = (name = 'disk.root') => explanation().facts.find((each) => each.name === name)
  /** Lets time pass while both peers say that they are there. */
  const pass = (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= 20 * SECOND) {
      for (const peer of [client, gateway]) peer.say('heartbeat', {}, 'phoenix')
      bench.clock.advance(Math.min(left, 20 * SECOND))
    }
  }

  it('X4 are asked of a client that knows the feature, by name, and of no other', () => {
    const asked = (peer: BenchPeer) =>
      peer
        .heard()
        .flatMap(({ payload }) => (payload.interface as { client_facts?: string[] } | undefined)?.client_facts ?? [])
    expect(asked(client)).to.deep.equal(['disk.root'])
    expect(asked(company.clientJoins({ replaces: client }))).to.deep.equal([])
  })

  it('P4 are unknown until the client says them: access is denied, and the person is told why, unless they are optional', () => {
    expect(ask()).to.equal(0)
    const denied = explanation().verdict.explanation[0]?.conditions[0]
    expect(denied).to.include({ holds: false, reason: 'the fact disk.root is unknown' })
    expect(denied?.told).to.match(/your device has not said “disk\.root”/)
    require('perhaps')
    expect(ask()).to.equal(1)
  })

  it('P11 give access once they are said, and end it at once when they change', () => {
    sayDisk(true)
    expect(ask()).to.equal(1)
    sayDisk(false)
    expect(gateway.events()).to.include('reject_access')
    expect(grants()).to.equal(0)
    require('perhaps')
    expect(ask()).to.equal(0)
  })

  it('P8 are named by explain as the bare word of the client, with their age', () => {
    sayDisk(true)
    const since = bench.unix()
    pass(MINUTE)
    sayDisk(true, { age_ms: 20 * SECOND })
    expect(known()).to.deep.equal({
      name: 'disk.root',
      value: { isEncrypted: true },
      source: 'client',
      since,
      validUntil: bench.unix() + GOOD_FOR_MS - 20 * SECOND,
    })
    expect(explanationText(explanation()).join('\n')).to.match(
      /the fact disk\.root is \{"isEncrypted":true\} \(as the client itself says since [^;]* UTC, not proven, until [^;]* UTC at the latest\)/,
    )
  })

  it('P11 end access when the client has not repeated them for as long as they are good', () => {
    sayDisk(true)
    ask()
    pass(MINUTE)
    sayDisk(true)
    pass(GOOD_FOR_MS - 1)
    expect(grants()).to.equal(1)
    pass(1)
    expect(grants()).to.equal(0)
    expect(known()).to.equal(undefined)
    sayDisk(true, { age_ms: GOOD_FOR_MS })
    expect(known()).to.equal(undefined)
  })

  it('P11 end access at once when the client says that it does not know, or says what does not fit', () => {
    for (const odd of [
      {},
      { value: null },
      { value: { isEncrypted: 'yes' } },
      { value: { isEncrypted: true, more: 1 } },
    ]) {
      sayDisk(true)
      expect(ask()).to.equal(1)
      say({ name: 'disk.root', ...odd })
      expect(grants()).to.equal(0)
      expect(known()).to.equal(undefined)
      pass(10 * SECOND)
    }
  })

  it('X4 are never a fact of the portal, of another plugin, or of another device', () => {
    const other = company.device('other', company.actor.id)
    const names = [
      'device.is_verified',
      'actor.email',
      'client.address',
      'mood.of',
      'unheard.of',
      '__proto__',
      'constructor',
    ]
    const before = explanation().facts
    say(...names.map((name) => ({ name, value: 'glad' })), { name: 'disk.root', value: { isEncrypted: true } })
    expect(bench.machine.counters()['fact-not-wanted']).to.equal(names.length)
    expect(explanation().facts.filter(({ name }) => name !== 'disk.root')).to.deep.equal(before)
    expect(explanation(other.id).unknownFacts).to.include('disk.root')
    const { account, actor, resource } = company
    const anywhere = decisionsOf(bench.machine.knowledge, () => bench.clock.now()).explain({
      accountId: account.id,
      actor: actor.id,
      resource: resource.id,
    })
    expect(anywhere.ok && anywhere.explanation.unknownFacts).to.include('disk.root')
  })

  it('X4 are bounded in size, number and rate, and what is beyond changes nothing', () => {
    sayDisk(true)
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`
    const payload = `{"facts":[{"name":"disk.root","value":${deep}}]}`
    const text = `{"topic":"client","event":"client_facts","ref":null,"payload":${payload}}`
    bench.dispatch({ type: 'frameReceived', connection: client.connection, text })
    expect(known()?.value).to.deep.equal({ isEncrypted: true })
    for (const facts of [
      [{ name: 'disk.root', value: 'x'.repeat(5_000) }],
      [{ name: 'x'.repeat(101), value: 1 }],
      Array.from({ length: 65 }, () => ({ name: 'disk.root', value: { isEncrypted: false } })),
      [{ name: 'disk.root', value: { isEncrypted: false }, age_ms: -1 }],
      ['disk.root'],
      'disk.root',
    ]) {
      client.say('client_facts', { facts })
      expect(known()?.value, JSON.stringify(facts).slice(0, 50)).to.deep.equal({ isEncrypted: true })
    }
    for (let time = 0; time < 20; time++) sayDisk(true)
    sayDisk(false)
    expect(bench.machine.counters()['too-many-facts']).to.be.greaterThan(10)
    expect(known()?.value).to.deep.equal({ isEncrypted: true })
    pass(3 * SECOND)
    sayDisk(false)
    expect(known()?.value).to.deep.equal({ isEncrypted: false })
  })

  it('X4 whatever a client says, no fact but its own becomes known, and the portal goes on', () => {
    const others = () => explanation().facts.filter(({ name }) => name !== 'disk.root')
    const before = others()
    const name = fc.constantFrom('disk.root', 'mood.of', 'actor.email', '__proto__', 'x')
    const value = fc.oneof(fc.jsonValue(), fc.record({ isEncrypted: fc.oneof(fc.boolean(), fc.jsonValue()) }))
    const said = fc.record({ name, value, age_ms: fc.oneof(fc.nat(), fc.jsonValue()) }, { requiredKeys: ['name'] })
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.array(fc.oneof(said, fc.jsonValue()), { maxLength: 5 })), (facts) => {
        client.say('client_facts', { facts })
        const disk = known()?.value
        if (disk !== undefined) expect(Disk.safeParse(disk).success).to.equal(true)
        pass(3 * SECOND)
      }),
    )
    expect(others()).to.deep.equal(before)
    sayDisk(true)
    expect(ask()).to.equal(1)
  })

  it('P11 outlast a lost connection as the address does, and end some minutes after it', () => {
    sayDisk(true)
    ask()
    client.leave()
    client = company.clientJoins({}, [FEATURES.clientFacts])
    expect(grants()).to.equal(1)
    expect(known()?.value).to.deep.equal({ isEncrypted: true })
    client.leave()
    pass(GOOD_FOR_MS)
    expect(grants()).to.equal(0)
  })

  it('H3 a restart of the portal takes nothing away while the client is on its way back, and leaves it no longer than is good', () => {
    sayDisk(true)
    expect(ask()).to.equal(1)
    const rows = bench.rows()
    const { clock } = bench
    bench = newBench()
    bench.clock.advance(clock.unix() - bench.clock.unix())
    bench.load(rows)
    const token = { peerId: company.gateways[0].id, tokenId: company.gatewayToken.id }
    gateway = bench.connect('gateway', token)
    gateway.say('phx_join', null)
    expect(grants()).to.equal(1)
    for (let time = 0; time < 6; time++) {
      gateway.say('heartbeat', {}, 'phoenix')
      bench.clock.advance(20 * SECOND)
    }
    expect(grants()).to.equal(0)
  })
})
