// Access is granted and withdrawn in every possible way at random moments: while it is being set up, while the portal
// or a gateway is away, and while clients restart. The model derives from plain rules who may reach which resource. A
// seed that ever failed is kept for ever.
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { externalId } from '../../core/crypto/external-id.ts'
import { toHex } from '../../core/crypto/text-encoding.ts'
import { integerBelow } from '../../core/runtime/random.ts'
import { SECOND } from '../../core/runtime/time.ts'
import type { Actor } from '../../hosts/portal/store/entities.ts'
import { MemoryTransport } from '../../plugins/transport-memory/memory-transport.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import type { VirtualClient } from '../kit/virtual-client.ts'
import type { VirtualHost } from '../kit/virtual-network.ts'
import { VirtualWorld } from '../kit/virtual-world.ts'

const EVENTS = 60
const GATEWAYS = ['one', 'two']
const PEOPLE = ['ada', 'bob']
const GROUPS = ['staff', 'guests']
const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
const PORT = 7
/** Statement P6: milliseconds until a withdrawal takes effect at the gateway, while everybody is connected. */
const EFFECT_MS = SECOND
/**
 * Longest pause before a peer connects to the portal again after an outage as short as they are here, with some margin.
 */
const RECONNECT_MS = 60 * SECOND
const ELSEWHERE = [{ condition: 'remote-ip', settings: { operator: 'in', ranges: ['192.0.2.0/24'] } }]

interface Person {
  actor: Actor
  isEnabled: boolean
  groups: Set<string>
  client: VirtualClient
  token: string
}

interface Rule {
  id: string
  group: string
  address: string
  isDisabled: boolean
  isShadow: boolean
  isElsewhere: boolean
}

class Scenario {
  readonly world: VirtualWorld
  readonly #random: SeededRandom
  readonly #log: string[] = []
  readonly #people = new Map<string, Person>()
  readonly #groups = new Map<string, string>()
  readonly #resources = new Map<string, string>()
  readonly #rules: Rule[] = []
  readonly #provider: string
  readonly #cut = new Map<string, VirtualHost>()
  #isProviderEnabled = true
  /** Person of each device and address of each resource that ever existed, by id. */
  readonly #names = new Map<string, string>()
  /** Moment until which access may linger after its removal, by `person address`. */
  readonly #lingers = new Map<string, number>()
  #troubledUntil = 0
  #checked = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(`withdrawal ${seed}`)
    this.world = new VirtualWorld({ seed, transport: new MemoryTransport() })
    const { portal, site } = this.world
    this.#provider = portal.provider('login').id
    for (const [index, address] of ADDRESSES.entries()) site.machine(`machine-${index}`, [address])
    for (const address of ADDRESSES) this.#makeResource(address)
    for (const group of GROUPS) this.#groups.set(group, portal.group(group).id)
    for (const name of GATEWAYS) this.world.startGateway(name)
    this.world.clock.advance(200)
    for (const name of PEOPLE) {
      const actor = portal.actor(name)
      const token = this.#signIn(actor)
      const client = this.world.startClientWith(name, token)
      this.#people.set(name, { actor, isEnabled: true, groups: new Set(), client, token })
      for (const group of GROUPS) this.#join(name, group)
    }
    for (const group of GROUPS) for (const address of ADDRESSES) this.#allow(group, address)
    this.world.clock.advance(500)
  }

  run(): void {
    for (let event = 0; event < EVENTS; event++) {
      this.#traffic()
      // In half of the rounds the next change comes before the portal has answered the request.
      this.#pass(this.#below(2) === 0 ? this.#below(25) : this.#below(3 * SECOND))
      this.#change()
      this.#pass(this.#below(3) === 0 ? this.#below(25) : this.#below(2 * SECOND))
      this.#revive()
      this.#checkGateways()
    }
    this.#heal()
    this.#checkQuiet()
  }

  get log(): string {
    return this.#log.join('\n')
  }

  /** Makes one random change. Access that somebody loses by it may linger for a moment. */
  #change(): void {
    const before = this.#pairs().filter((pair) => this.#isAllowed(pair))
    this.#happen()
    for (const pair of before) if (!this.#isAllowed(pair)) this.#linger(pair.key)
    if (!this.world.portal.isRunning || this.#cut.size > 0) this.#trouble()
  }

  /** Gives something back, so that there is something to withdraw. */
  #mend(): void {
    const { portal } = this.world
    const [name, group, address] = [this.#pick(PEOPLE), this.#pick(GROUPS), this.#pick(ADDRESSES)]
    const person = this.#person(name)
    if (!this.#isProviderEnabled) return this.#switchProvider()
    if (!person.isEnabled) return this.#switchPerson(name, person)
    if (!portal.isRunning) return this.#note('start the portal', () => portal.start())
    if (!person.groups.has(group)) return this.#join(name, group)
    this.#allow(group, address)
  }

  #happen(): void {
    if (this.#below(2) === 0) return this.#mend()
    const { world } = this
    const { portal } = world
    const name = this.#pick(PEOPLE)
    const person = this.#person(name)
    const group = this.#pick(GROUPS)
    const address = this.#pick(ADDRESSES)
    const rule = this.#rules.length === 0 ? undefined : this.#pick(this.#rules)
    switch (this.#below(18)) {
      case 0:
        return this.#allow(group, address)
      case 1:
        return this.#note(`remove policy ${rule?.id}`, () => rule && this.#removeRule(rule))
      case 2:
        if (rule === undefined) return
        rule.isDisabled = !rule.isDisabled
        return this.#note(`policy ${rule.id} disabled: ${rule.isDisabled}`, () =>
          portal.patch('policies', rule.id, { isDisabled: rule.isDisabled }),
        )
      case 3:
        if (rule === undefined) return
        rule.isShadow = !rule.isShadow
        return this.#note(`policy ${rule.id} shadow: ${rule.isShadow}`, () =>
          portal.patch('policies', rule.id, { mode: rule.isShadow ? 'shadow' : 'enforced' }),
        )
      case 4:
        if (rule === undefined) return
        rule.isElsewhere = !rule.isElsewhere
        return this.#note(`policy ${rule.id} elsewhere: ${rule.isElsewhere}`, () =>
          portal.patch('policies', rule.id, { conditions: rule.isElsewhere ? ELSEWHERE : [] }),
        )
      case 5:
      case 6:
        return person.groups.has(group) ? this.#leave(name, group) : this.#join(name, group)
      case 7:
        return this.#note(`group ${group} anew`, () => this.#renewGroup(group))
      case 8:
        return this.#note(`resource ${address} anew`, () => this.#renewResource(address))
      case 9:
        return this.#switchPerson(name, person)
      case 10:
        return this.#switchProvider()
      case 11:
        return this.#note(`${name} is another person`, () => this.#renewActor(name, person))
      case 12:
        return this.#note(`${name}'s tokens revoked`, () => this.#removeTokens(person))
      case 13:
        return this.#note(`${name}'s device removed`, () => this.#removeDevice(name))
      case 14: {
        const authorization = portal.rows('authorizations')[0]
        if (authorization === undefined) return
        return this.#note('an authorization is withdrawn', () => portal.remove('authorizations', authorization.id))
      }
      case 15:
        this.#trouble()
        return this.#note(portal.isRunning ? 'stop the portal' : 'start the portal', () =>
          portal.isRunning ? portal.stop() : portal.start(),
        )
      default:
        return this.#troubleGateway(this.#pick(GATEWAYS))
    }
  }

  #troubleGateway(name: string): void {
    const { world } = this
    this.#trouble()
    const gateway = world.gateways.get(name)
    if (gateway === undefined) return this.#note(`start gateway ${name}`, () => world.startGateway(name))
    if (this.#below(3) === 0) return this.#note(`kill gateway ${name}`, () => world.killGateway(name))
    const isCut = !this.#cut.delete(name)
    if (isCut) this.#cut.set(name, gateway.host)
    this.#note(`gateway ${name} cut off from the portal: ${isCut}`, () =>
      world.network.setLink(world.portalHost, gateway.host, { cut: isCut }),
    )
  }

  #switchPerson(name: string, person: Person): void {
    person.isEnabled = !person.isEnabled
    this.#note(`${name} enabled: ${person.isEnabled}`, () =>
      this.world.portal.patch('actors', person.actor.id, { isDisabled: !person.isEnabled }),
    )
  }

  #switchProvider(): void {
    this.#isProviderEnabled = !this.#isProviderEnabled
    this.#note(`provider enabled: ${this.#isProviderEnabled}`, () =>
      this.world.portal.patch('identity_providers', this.#provider, { isDisabled: !this.#isProviderEnabled }),
    )
  }

  #allow(group: string, address: string): void {
    const resourceId = this.#resources.get(address) ?? ''
    const { id } = this.world.portal.policy(this.#groups.get(group) ?? '', resourceId)
    this.#note(`policy ${id}: ${group} may have ${address}`)
    this.#rules.push({ id, group, address, isDisabled: false, isShadow: false, isElsewhere: false })
  }

  #removeRule(rule: Rule): void {
    this.world.portal.remove('policies', rule.id)
    this.#rules.splice(this.#rules.indexOf(rule), 1)
  }

  #forgetRules(gone: (rule: Rule) => boolean): void {
    for (const rule of this.#rules.filter(gone)) this.#rules.splice(this.#rules.indexOf(rule), 1)
  }

  #join(name: string, group: string): void {
    this.#note(`${name} joins ${group}`)
    const person = this.#person(name)
    person.groups.add(group)
    this.world.portal.join(this.#groups.get(group) ?? '', person.actor)
  }

  #leave(name: string, group: string): void {
    this.#note(`${name} leaves ${group}`)
    const person = this.#person(name)
    person.groups.delete(group)
    const { portal } = this.world
    const row = portal
      .rows('memberships')
      .find(({ actorId, groupId }) => actorId === person.actor.id && groupId === this.#groups.get(group))
    if (row !== undefined) portal.remove('memberships', row.id)
  }

  /** Replaces a group by a new one without members and policies. */
  #renewGroup(group: string): void {
    this.world.portal.remove('groups', this.#groups.get(group) ?? '')
    this.#forgetRules((rule) => rule.group === group)
    for (const { groups } of this.#people.values()) groups.delete(group)
    this.#groups.set(group, this.world.portal.group(group).id)
  }

  /** Replaces a resource by a new one without policies. */
  #renewResource(address: string): void {
    this.world.portal.remove('resources', this.#resources.get(address) ?? '')
    this.#forgetRules((rule) => rule.address === address)
    this.#makeResource(address)
  }

  #makeResource(address: string): void {
    const { id } = this.world.portal.resource('cidr', `${address}/32`)
    this.#resources.set(address, id)
    this.#names.set(id, address)
  }

  #renewActor(name: string, person: Person): void {
    this.world.portal.remove('actors', person.actor.id)
    person.actor = this.world.portal.actor(name)
    person.isEnabled = true
    person.groups.clear()
  }

  #removeTokens({ actor }: Person): void {
    const { portal } = this.world
    const tokens = portal.rows('tokens').filter(({ actorId }) => actorId === actor.id)
    for (const { id } of tokens) portal.remove('tokens', id)
  }

  #removeDevice(name: string): void {
    this.world.portal.remove('clients', this.#deviceOf(name) ?? '')
    for (const address of ADDRESSES) this.#linger(`${name} ${address}`)
  }

  #linger(key: string): void {
    this.#lingers.set(key, this.world.clock.now() + EFFECT_MS)
  }

  /**
   * Starts gateways that have ended again, and signs in people whose clients have ended, if their sign-in is possible.
   */
  #revive(): void {
    const { portal, gateways } = this.world
    for (const [name, { ended }] of gateways) if (ended !== undefined) this.world.killGateway(name)
    if (!portal.isRunning || !this.#isProviderEnabled) return
    for (const [name, person] of this.#people) {
      if (person.client.ended === undefined || !person.isEnabled) continue
      this.#log.push(`${this.#moment()} ${name} signs in again`)
      person.token = this.#signIn(person.actor)
      person.client.kill()
      person.client = this.world.startClientWith(name, person.token)
    }
  }

  #signIn(actor: Actor): string {
    const nonce = toHex(this.#random.bytes(32))
    return `${nonce}${this.world.portal.signIn(actor, nonce, this.#provider)}`
  }

  #traffic(): void {
    for (let n = this.#below(4); n > 0; n--) this.#send(this.#person(this.#pick(PEOPLE)).client, this.#pick(ADDRESSES))
  }

  #send(client: VirtualClient, address: string): void {
    if (client.ipv4 !== '') client.send({ to: address, port: PORT, payload: client.name })
  }

  #pass(milliseconds: number): void {
    if (!this.world.portal.isRunning || this.#cut.size > 0) {
      this.#troubledUntil = this.world.clock.now() + milliseconds + RECONNECT_MS
    }
    this.world.clock.advance(milliseconds)
    for (const { id, name } of this.world.portal.rows('clients')) this.#names.set(id, name)
    this.#checkSite()
  }

  #trouble(): void {
    this.#troubledUntil = Math.max(this.#troubledUntil, this.world.clock.now() + RECONNECT_MS)
  }

  #isAllowed({ person, address }: Pair): boolean {
    if (!person.isEnabled || !this.#isProviderEnabled) return false
    return this.#rules.some(
      (rule) =>
        rule.address === address &&
        person.groups.has(rule.group) &&
        !rule.isDisabled &&
        !rule.isShadow &&
        !rule.isElsewhere,
    )
  }

  #pairs(): Pair[] {
    return [...this.#people].flatMap(([name, person]) =>
      ADDRESSES.map((address) => ({ key: `${name} ${address}`, person, address })),
    )
  }

  /** Checks that nobody has reached a resource without permission since the last call. */
  #checkSite(): void {
    const { seen } = this.world.site
    const now = this.world.clock.now()
    for (; this.#checked < seen.length; this.#checked++) {
      const packet = seen[this.#checked]
      if (packet === undefined) continue
      const name = new TextDecoder().decode(packet.payload)
      const pair = { key: `${name} ${packet.to}`, person: this.#person(name), address: packet.to }
      if (this.#isAllowed(pair)) continue
      const lingers = this.#lingers.get(pair.key)
      const until = lingers === undefined ? -Infinity : Math.max(lingers, this.#troubledUntil)
      expect(until, `${pair.key} was reached\n${this.log}`).to.be.at.least(now - 3 * SECOND)
    }
  }

  /** P6: checks that no gateway holds a grant longer than it may linger. */
  #checkGateways(): void {
    const now = this.world.clock.now()
    if (now < this.#troubledUntil) return
    for (const { key, isAllowed } of this.#held()) {
      if (isAllowed) continue
      expect(this.#lingers.get(key) ?? -Infinity, `${key} is held\n${this.log}`).to.be.greaterThan(now)
    }
  }

  /**
   * Grants that gateways hold, as pairs of the model; also grants of devices and resources that do not exist any more.
   */
  #held(): (Pair & { gateway: string; clientId: string; resourceId: string; isAllowed: boolean })[] {
    return [...this.world.gateways].flatMap(([gateway, { flows }]) =>
      flows.grants().map(({ peer: clientId, resourceId }) => {
        const [name = '', address = ''] = [this.#names.get(clientId), this.#names.get(resourceId)]
        const pair = { key: `${name} ${address}`, person: this.#person(name), address }
        const isThere = this.#deviceOf(name) === clientId && this.#resources.get(address) === resourceId
        return { ...pair, gateway, clientId, resourceId, isAllowed: isThere && this.#isAllowed(pair) }
      }),
    )
  }

  #deviceOf(name: string): string | undefined {
    return this.world.portal.rows('clients').find((client) => client.externalId === externalId(name))?.id
  }

  /** Ends all disturbances and lets enough time pass for all pending work. */
  #heal(): void {
    this.#log.push(`${this.#moment()} everything heals`)
    const { portal, network, portalHost, gateways } = this.world
    for (const host of this.#cut.values()) network.setLink(portalHost, host, { latencyMs: 5 })
    this.#cut.clear()
    if (!portal.isRunning) portal.start()
    for (let second = 0; second < 90; second++) {
      this.#pass(SECOND)
      this.#revive()
      for (const name of GATEWAYS) if (!gateways.has(name)) this.world.startGateway(name)
    }
    this.#lingers.clear()
    this.#troubledUntil = 0
  }

  /**
   * Checks that gateways hold exactly the grants in the portal's rows, that all of these are permitted, and that
   * everybody who may reach a resource reaches it.
   */
  #checkQuiet(): void {
    this.#checkBooks()
    for (const pair of this.#pairs()) {
      const { client } = pair.person
      const before = client.received.length
      const answered = () => client.received.slice(before).some(({ from }) => from === pair.address)
      const isAllowed = this.#isAllowed(pair)
      for (let attempt = 0; attempt < 4 && !answered(); attempt++) {
        if (client.ended === undefined) this.#send(client, pair.address)
        this.world.until(answered, { withinMs: isAllowed ? 2_500 : 500, stepMs: 50 })
      }
      expect(
        answered(),
        `${pair.key}: ${JSON.stringify(client.state.resources.status(this.world.clock.now()))}\n${this.log}`,
      ).to.equal(isAllowed)
    }
    this.#checkSite()
    this.#checkBooks()
  }

  #checkBooks(): void {
    const { portal } = this.world
    const held = this.#held()
    for (const { key, isAllowed } of held) expect(isAllowed, `${key} is held\n${this.log}`).to.equal(true)
    const nameOf = new Map(portal.rows('gateways').map(({ id, name }) => [id, name]))
    const written = portal
      .rows('authorizations')
      .map(({ gatewayId, clientId, resourceId }) => `${nameOf.get(gatewayId)} ${clientId} ${resourceId}`)
    const holds = held.map(({ gateway, clientId, resourceId }) => `${gateway} ${clientId} ${resourceId}`)
    expect(holds.toSorted(), `held and written down\n${this.log}`).to.deep.equal(written.toSorted())
    expect(portal.counts, this.log).to.include({ withdrawals: 0, requests: 0, grants: written.length })
  }

  #person(name: string): Person {
    const person = this.#people.get(name)
    if (person === undefined) throw new Error(`nobody is ${name}`)
    return person
  }

  #note(what: string, act: () => unknown = () => undefined): void {
    this.#log.push(`${this.#moment()} ${what}`)
    act()
  }

  #moment(): string {
    return (this.world.clock.now() / 1_000).toFixed(3)
  }

  #below(limit: number): number {
    return integerBelow(this.#random, limit)
  }

  #pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.#below(choices.length)]
    if (chosen === undefined) throw new Error('nothing to choose from')
    return chosen
  }
}

interface Pair {
  key: string
  person: Person
  address: string
}

const SEEDS = JSON.parse(readFileSync('test/scenario/withdrawal-seeds.json', 'utf8')) as number[]
const FRESH = Number(process.env['PORTREEVE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

describe('P6 every kind of removal, at random moments', () => {
  for (const seed of SEEDS) {
    it(`P6 random removals leave no access behind, for the kept seed ${seed}`, () => {
      new Scenario(seed).run()
    }).timeout(300_000)
  }

  it(`P6 random removals leave no access behind, for a fresh seed (PORTREEVE_SEED=${FRESH} replays it)`, () => {
    process.stdout.write(`      seed ${FRESH}\n`)
    new Scenario(FRESH).run()
  }).timeout(300_000)
})
