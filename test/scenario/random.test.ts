// Random events against a model that knows only who may reach which resource. A seed that ever failed is kept in
// seeds.json for ever.
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { integerBelow } from '../../core/runtime/random.ts'
import { SECOND } from '../../core/runtime/time.ts'
import type { Actor } from '../../hosts/portal/store/entities.ts'
import { MemoryTransport } from '../../plugins/transport-memory/memory-transport.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import type { VirtualClient } from '../kit/virtual-client.ts'
import { VirtualWorld } from '../kit/virtual-world.ts'

const EVENTS = 40
const GATEWAYS = ['one', 'two', 'three']
const PEOPLE = ['ada', 'bob', 'eve']
const PORT = 7
/** Milliseconds until a change takes effect everywhere, while everybody is connected. */
const EFFECT_MS = 2 * SECOND
/**
 * Longest pause before a peer connects to the portal again after an outage as short as they are here, with some margin.
 */
const RECONNECT_MS = 20 * SECOND

interface Target {
  resourceId: string
  /** Host name that an application uses; undefined if it uses the address. */
  name: string | undefined
  /** Address of the machine that receives the packet. */
  address: string
}

class Scenario {
  readonly world: VirtualWorld
  readonly #random: SeededRandom
  readonly #log: string[] = []
  readonly #groups = new Map<string, string>()
  readonly #clients = new Map<string, VirtualClient>()
  readonly #actors = new Map<string, Actor>()
  readonly #targets: Target[] = []
  /**
   * The model: policies by `person target`, and by the same key the moment until which access may linger after its
   * removal.
   */
  readonly #policies = new Map<string, string>()
  readonly #lingers = new Map<string, number>()
  /** Moment until which withdrawals may be late, because the portal could not tell a gateway. */
  #troubledUntil = 0
  #checked = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(`scenario ${seed}`)
    this.world = new VirtualWorld({ seed, transport: new MemoryTransport() })
    const { portal, site } = this.world
    for (const [index, address] of ['192.0.2.1', '192.0.2.2', '10.0.0.1', '10.0.0.2'].entries()) {
      site.machine(`machine-${index}`, [address])
      const name = index < 2 ? undefined : `host-${index}.example.org`
      if (name !== undefined) site.name(name, [address])
      const { id } = name === undefined ? portal.resource('cidr', `${address}/32`) : portal.resource('dns', name)
      this.#targets.push({ resourceId: id, name, address })
    }
    for (const person of PEOPLE) {
      const actor = portal.actor(person)
      this.#actors.set(person, actor)
      this.#groups.set(person, portal.group(person, actor).id)
    }
    this.world.startGateway('one')
    this.world.startGateway('two')
    this.world.clock.advance(200)
    for (const [person, actor] of this.#actors) this.#clients.set(person, this.world.startClient(person, actor))
    this.world.clock.advance(500)
  }

  run(): void {
    for (let event = 0; event < EVENTS; event++) {
      this.#happen()
      this.#traffic(this.#below(4))
      this.#pass(this.#below(3 * SECOND))
      this.#checkSite()
    }
    this.#heal()
    this.#checkAll()
  }

  get log(): string {
    return this.#log.join('\n')
  }

  #happen(): void {
    const { world } = this
    const { portal, network } = world
    switch (this.#below(10)) {
      case 0:
      case 1:
      case 2:
        return this.#allow(this.#pick(PEOPLE), this.#pick(this.#targets))
      case 3:
      case 4:
        return this.#withdraw(this.#pick([...this.#policies.keys()]))
      case 5: {
        const name = this.#pick([...world.gateways.keys()])
        if (name === undefined) return
        this.#note(`kill gateway ${name}`)
        this.#trouble()
        return world.killGateway(name)
      }
      case 6: {
        const name = this.#pick(GATEWAYS)
        if (name === undefined || world.gateways.has(name)) return
        this.#note(`start gateway ${name}`)
        world.startGateway(name)
        return
      }
      case 7:
        this.#trouble()
        this.#note(portal.isRunning ? 'stop the portal' : 'start the portal')
        return portal.isRunning ? portal.stop() : portal.start()
      case 8: {
        const client = this.#clients.get(this.#pick(PEOPLE) ?? '')
        const address = `198.18.${this.#below(200)}.${1 + this.#below(200)}`
        this.#note(`${client?.name} moves to ${address}`)
        client?.move([address])
        return
      }
      default: {
        const loss = this.#below(3) / 20
        const latencyMs = 1 + this.#below(80)
        this.#note(`loss ${loss}, latency ${latencyMs} ms`)
        network.setEverywhere({ loss, latencyMs, jitterMs: this.#below(20) })
      }
    }
  }

  #allow(person: string | undefined, target: Target | undefined): void {
    if (person === undefined || target === undefined) return
    const key = `${person} ${target.resourceId}`
    if (this.#policies.has(key)) return
    this.#note(`allow ${person} ${target.address}`)
    const { id } = this.world.portal.policy(this.#groups.get(person) ?? '', target.resourceId)
    this.#policies.set(key, id)
  }

  #withdraw(key: string | undefined): void {
    const id = key === undefined ? undefined : this.#policies.get(key)
    if (key === undefined || id === undefined) return
    this.#note(`withdraw ${key}`)
    this.world.portal.remove('policies', id)
    this.#policies.delete(key)
    this.#lingers.set(key, this.world.clock.now() + EFFECT_MS)
    if (!this.world.portal.isRunning) this.#trouble()
  }

  #trouble(): void {
    this.#troubledUntil = this.world.clock.now() + RECONNECT_MS
  }

  #traffic(count: number): void {
    for (let n = 0; n < count; n++) {
      const client = this.#clients.get(this.#pick(PEOPLE) ?? '')
      const target = this.#pick(this.#targets)
      if (client !== undefined && target !== undefined) this.#send(client, target)
    }
  }

  /** Sends a packet to a target; returns its address, or undefined if the name does not resolve. */
  #send(client: VirtualClient, { name, address }: Target): string | undefined {
    const to = name === undefined ? address : client.resolve(name)?.[0]
    if (to !== undefined && client.ipv4 !== '') client.send({ to, port: PORT, payload: client.name })
    return to
  }

  #pass(milliseconds: number): void {
    if (!this.world.portal.isRunning) this.#troubledUntil = this.world.clock.now() + milliseconds + RECONNECT_MS
    this.world.clock.advance(milliseconds)
  }

  /** Checks that nobody has reached a resource without permission since the last call. */
  #checkSite(): void {
    const { seen } = this.world.site
    const now = this.world.clock.now()
    for (; this.#checked < seen.length; this.#checked++) {
      const packet = seen[this.#checked]
      if (packet === undefined) continue
      const person = new TextDecoder().decode(packet.payload)
      const target = this.#targets.find(({ address }) => address === packet.to)
      const key = `${person} ${target?.resourceId}`
      if (this.#policies.has(key)) continue
      const until = Math.max(
        this.#lingers.get(key) ?? -Infinity,
        this.#lingers.has(key) ? this.#troubledUntil : -Infinity,
      )
      expect(until, `${person} reached ${packet.to}\n${this.log}`).to.be.at.least(now - 3 * SECOND)
    }
  }

  /** Ends all disturbances and lets enough time pass for all pending work. */
  #heal(): void {
    this.#note('everything heals')
    const { portal, network, gateways } = this.world
    network.setEverywhere({ latencyMs: 5 })
    if (!portal.isRunning) portal.start()
    // A gateway that never found the portal has ended; its operator starts it again.
    for (const [name, { ended }] of gateways) if (ended !== undefined) this.world.killGateway(name)
    if (gateways.size === 0) this.world.startGateway('one')
    for (let second = 0; second < 90; second++) {
      this.world.clock.advance(SECOND)
      this.#checkSite()
    }
    this.#lingers.clear()
  }

  /** Checks that everybody who may reach a resource reaches it, and that nobody else does. */
  #checkAll(): void {
    for (const [person, client] of this.#clients) {
      for (const target of this.#targets) {
        const isAllowed = this.#policies.has(`${person} ${target.resourceId}`)
        const before = client.received.length
        const answered = () => client.received.slice(before).some(({ fromPort }) => fromPort === PORT)
        for (let attempt = 0; attempt < 5 && !answered(); attempt++) {
          this.#send(client, target)
          this.world.until(answered, { withinMs: isAllowed ? 2_500 : 500, stepMs: 50 })
        }
        expect(
          answered(),
          `${person} to ${target.address}: ${JSON.stringify(client.state.resources.status(this.world.clock.now()))}\n${this.log}`,
        ).to.equal(isAllowed)
      }
    }
    this.#checkSite()
  }

  #note(what: string): void {
    this.#log.push(`${(this.world.clock.now() / 1_000).toFixed(3)} ${what}`)
  }

  #below(limit: number): number {
    return integerBelow(this.#random, limit)
  }

  #pick<T>(choices: readonly T[]): T | undefined {
    return choices.length === 0 ? undefined : choices[this.#below(choices.length)]
  }
}

const SEEDS = JSON.parse(readFileSync('test/scenario/seeds.json', 'utf8')) as number[]
const FRESH = Number(process.env['PORTREEVE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

describe('random scenarios against the model of who may reach what', () => {
  for (const seed of SEEDS) {
    it(`access in a random scenario is as the model says, for the kept seed ${seed}`, () => {
      new Scenario(seed).run()
    }).timeout(300_000)
  }

  it(`access in a random scenario is as the model says, for a fresh seed (PORTREEVE_SEED=${FRESH} replays it)`, () => {
    process.stdout.write(`      seed ${FRESH}\n`)
    new Scenario(FRESH).run()
  }).timeout(300_000)
})
