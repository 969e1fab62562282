import { SECOND } from '../../../core/runtime/time.ts'
import { MemoryTransport } from '../../../plugins/transport-memory/memory-transport.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { Dice } from '../../kit/dice.ts'
import { describePacket } from '../../kit/packet-builder.ts'
import { VirtualWorld } from '../../kit/virtual-world.ts'
import { Conversation } from './conversation.ts'
import { Deviation } from './deviation.ts'
import { letsPass, shareFamily, type Protocol } from './model.ts'
import { Prober } from './prober.ts'
import { RandomNats } from './random-nats.ts'
import { Scenery } from './scenery.ts'

const ROUNDS = 5
const EVENTS = 5
const PROBES = 10
/** Milliseconds between the last event and the probes: longer than any retry after disturbances as short as these. */
const SETTLE_MS = 70 * SECOND

/**
 * One random world and its events, all from a seed: two sites, both families, overlapping resources, filters and names
 * that change, people who come and go, roaming at both ends, restarts of everything, loss, delay, reordering,
 * duplicates and cuts. After each round of events the world settles, and random probes have to meet the model's
 * prediction. Meanwhile nothing may reach a site that the model never permitted, and connections that nothing ended go
 * on.
 */
export class Simulation {
  readonly #dice: Dice
  /** Random choices of path MTUs: apart from the other choices, so that kept seeds still produce the same worlds. */
  readonly #paths: Dice
  /** Random choices of relays: apart, too. */
  readonly #relays: Dice
  readonly #world: VirtualWorld
  readonly #scenery: Scenery
  readonly #prober: Prober
  /** Number of probes by result, and of connections that went on. */
  readonly met = new Map<string, number>()

  constructor(seed: number) {
    this.#dice = new Dice(`data path ${seed}`)
    this.#paths = new Dice(`paths ${seed}`)
    const transport = this.#dice.chance(4) ? new WireGuardTransport() : new MemoryTransport()
    // Drawn apart, too, by a text with which no seed that was kept before there were NATs has any: a third of the others.
    const nats = new Dice(`NATs 2 ${seed}`)
    // A third of the worlds has relays, and again none of the seeds that were kept before there were any.
    this.#relays = new Dice(`relays 644 ${seed}`)
    const hasRelays = this.#relays.chance(3)
    const hasNats = hasRelays || nats.chance(3)
    this.#world = new VirtualWorld({ seed, transport, hasStun: hasNats })
    for (const name of hasRelays ? ['relay-1', 'relay-2'] : []) this.#world.startRelay(name)
    const randomNats = hasNats ? new RandomNats(this.#world, nats, { hasRelays }) : undefined
    this.#scenery = new Scenery(this.#world, this.#dice, randomNats)
    this.#prober = new Prober(this.#world)
    for (let count = 12; count > 0; count--) this.#scenery.allow()
    this.#world.clock.advance(SECOND)
  }

  /** @throws Deviation with the world's whole story. */
  run(): void {
    try {
      for (let round = 0; round < ROUNDS; round++) this.#round()
    } catch (error) {
      if (!(error instanceof Deviation)) throw error
      throw new Deviation(`${error.message}\n${this.#scenery.log.join('\n')}`, { cause: error })
    }
  }

  #round(): void {
    const conversations: Conversation[] = []
    for (let count = this.#dice.below(3); count > 0; count--) {
      conversations.push(...Conversation.open(this.#scenery, this.#prober))
    }
    for (let event = 0; event < EVENTS; event++) {
      this.#happen()
      this.#toggleRelay()
      this.#traffic()
      this.#world.clock.advance(this.#dice.below(4 * SECOND))
    }
    this.#settle()
    for (const conversation of conversations) {
      if (conversation.check(this.#scenery, this.#prober)) this.#count('connection went on')
    }
    for (let probe = 0; probe < PROBES; probe++) this.#probe()
    this.#checkSites()
  }

  #happen(): void {
    const scenery = this.#scenery
    const events = [
      () => scenery.allow(),
      () => scenery.allow(),
      () => scenery.withdraw(),
      () => scenery.addResource(),
      () => scenery.removeResource(),
      () => scenery.refilter(),
      () => scenery.refilter(),
      () => scenery.rename(),
      () => scenery.rename(),
      () => this.#endGateway(),
      () => this.#startGateway(),
      () => this.#moveGateway(),
      () => this.#togglePortal(),
      () => this.#moveClient(),
      () => this.#moveClient(),
      () => this.#restartClient(),
      () => this.#weather(),
      () => this.#trouble(),
    ] as const
    return this.#dice.pick(events)()
  }

  #endGateway(): void {
    const [name, gateway] = this.#dice.pick([...this.#world.gateways]) ?? []
    if (name === undefined || gateway === undefined) return
    const isClean = this.#dice.chance(2)
    this.#scenery.note(`gateway ${name} ${isClean ? 'stops' : 'dies'}`)
    if (isClean) {
      gateway.tell({ type: 'stopped' })
      this.#world.clock.advance(50)
    }
    this.#world.killGateway(name)
  }

  #startGateway(): void {
    const all = this.#scenery.places.flatMap(({ gateways }) => gateways)
    const name = this.#dice.pick(all.filter((one) => !this.#world.gateways.has(one)))
    if (name === undefined) return
    this.#scenery.note(`gateway ${name} starts`)
    this.#scenery.startGateway(name)
  }

  #moveGateway(): void {
    const [name, gateway] = this.#dice.pick([...this.#world.gateways]) ?? []
    const addresses = this.#scenery.anyOutside()
    if (name === undefined || gateway === undefined) return
    this.#scenery.note(`gateway ${name} moves to ${addresses.join()}`)
    this.#scenery.move(gateway, addresses)
    this.#partFrom(addresses)
  }

  #togglePortal(): void {
    const { portal } = this.#world
    this.#scenery.note(portal.isRunning ? 'the portal stops' : 'the portal starts')
    if (portal.isRunning) portal.stop()
    else portal.start()
  }

  #moveClient(): void {
    const { name, client } = this.#scenery.anyPerson()
    const addresses = this.#scenery.anyOutside()
    this.#scenery.note(`${name} moves to ${addresses.join()}`)
    this.#scenery.move(client, addresses)
    for (const { host } of this.#world.gateways.values()) this.#partFrom(host.addresses)
  }

  /**
   * Counts a disturbance for people who have no address family in common with these addresses of a gateway any more.
   */
  #partFrom(addresses: readonly string[]): void {
    for (const person of this.#scenery.people) {
      if (!shareFamily(addresses, person.client.host.addresses)) person.disturbances++
    }
  }

  #restartClient(): void {
    const person = this.#scenery.anyPerson()
    this.#scenery.note(`${person.name}'s client dies and starts again`)
    this.#scenery.restartClient(person)
  }

  #weather(): void {
    const link = this.#anyLink()
    this.#scenery.note(`the network has ${JSON.stringify(link)}`)
    this.#world.network.setEverywhere(link)
  }

  /** Disturbs or cuts the link between a random person's machine and a gateway or the portal. */
  #trouble(): void {
    const person = this.#scenery.anyPerson()
    const { network, gateways, portalHost } = this.#world
    const others = [...[...gateways.values()].map(({ host }) => host), portalHost]
    const other = this.#dice.pick(others) ?? portalHost
    const link = { ...this.#anyLink(), cut: this.#dice.chance(3) }
    this.#scenery.note(`between ${person.name} and ${other.name} there is ${JSON.stringify(link)}`)
    network.setLink(person.client.host, other, link)
    if (link.cut) person.disturbances++
  }

  #anyLink() {
    const { dice } = { dice: this.#dice }
    return {
      loss: dice.below(5) / 20,
      doubled: dice.below(3) / 20,
      latencyMs: 1 + dice.below(120),
      jitterMs: dice.below(60),
      ...this.#anyPath(),
    }
  }

  /**
   * Path MTU and fragmentation of a link. Tunnel packets of 1280 bytes fit everywhere; some links lose longer ones
   * without an error.
   */
  #anyPath() {
    return { mtu: this.#paths.pick([1_500, 1_500, 1_492, 1_460, 1_420, 1_360]), fragments: this.#paths.chance(2) }
  }

  /** Kills a relay in use, or starts a dead one, once in a while; the portal hears of it some time later. */
  #toggleRelay(): void {
    const { relays } = this.#world
    if (relays.length === 0 || !this.#relays.chance(4)) return
    const { host } = this.#relays.pick(relays) ?? {}
    if (host === undefined) return
    host.up = !host.up
    this.#scenery.note(`${host.name} ${host.up ? 'is up again' : 'dies'}`)
    if (this.#relays.chance(2)) this.#world.offerRelays()
  }

  /** Sends packets during the events, whose results nobody predicts. */
  #traffic(): void {
    for (let count = this.#dice.below(3); count > 0; count--) {
      const { client } = this.#scenery.anyPerson()
      if (client.ipv4 === '') continue
      const talk = this.#prober.talk(client, this.#scenery.anyProbe())
      if (talk !== undefined) this.#prober.send(talk)
    }
  }

  #settle(): void {
    const { portal, network, gateways, clock } = this.#world
    this.#scenery.note('everything settles')
    network.setEverywhere({ latencyMs: 5, ...this.#anyPath() })
    network.clearLinks()
    if (!portal.isRunning) portal.start()
    for (const { host } of this.#world.relays) host.up = true
    this.#world.offerRelays()
    for (const [name, { ended }] of gateways) if (ended !== undefined) this.#world.killGateway(name)
    if (gateways.size === 0) this.#scenery.startGateway('one')
    for (const person of this.#scenery.people) {
      if (person.client.ended !== undefined) this.#scenery.restartClient(person)
    }
    clock.advance(SETTLE_MS)
  }

  #probe(): void {
    const person = this.#scenery.anyPerson()
    const { client } = person
    const { probe, expected } = this.#scenery.aimedProbe(person)
    const seen = this.#prober.observe(client, probe, expected)
    this.#count(`${probe.protocol} ${seen.replace(/ by .*/, '')}`)
    if (expected.includes(seen)) return
    const { linkState: state, resources } = client.state
    const status = JSON.stringify({
      state,
      resources: resources.status(this.#world.clock.now()),
      counters: client.state.counters(),
    })
    throw new Deviation(
      `${person.name}, ${JSON.stringify(probe)}: ${seen} instead of ${expected.join(' or ')}\n${status}`,
    )
  }

  #count(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1)
  }

  /** Checks that no packet has reached a site that no policy ever permitted. */
  #checkSites(): void {
    const clients = this.#world.portal.rows('clients')
    for (const { name: site, network, everNamed } of this.#scenery.places) {
      const [stranger] = network.other
      if (stranger !== undefined) throw new Deviation(`${site} saw ${describePacket(stranger)}`)
      for (const { from, to, toPort: port, kind, gateway } of network.arrived.splice(0)) {
        const row = clients.find(({ ipv4, ipv6 }) => ipv4 === from || ipv6 === from)
        const person = this.#scenery.people.find(({ actor }) => actor.id === row?.actorId)
        const protocol: Protocol = kind === 'udp' || kind === 'tcp' ? kind : 'icmp'
        const packet = { address: to, names: [...(everNamed.get(to) ?? [])], protocol, port }
        const isAllowed = person?.everAllowed.some((resource) => resource.site === site && letsPass(resource, packet))
        if (isAllowed !== true) {
          throw new Deviation(`${person?.name ?? from} reached ${to} at ${site} by ${kind} ${port} through ${gateway}`)
        }
      }
    }
  }
}
