import type { Actor } from '../../../hosts/portal/store/entities.ts'
import type { Dice } from '../../kit/dice.ts'
import type { VirtualClient } from '../../kit/virtual-client.ts'
import type { VirtualGateway } from '../../kit/virtual-gateway.ts'
import type { VirtualSite } from '../../kit/virtual-site.ts'
import type { VirtualWorld } from '../../kit/virtual-world.ts'
import type { RandomNats } from './random-nats.ts'
import {
  predict,
  type ModelMachine,
  type ModelResource,
  type ModelSite,
  type Probe,
  type Protocol,
  type Surroundings,
} from './model.ts'

export const PORTS = [7, 53, 80, 8080] as const

const PEOPLE = ['ada', 'bob', 'eve'] as const
const GATEWAYS = { berlin: ['one', 'two', 'three'], paris: ['four', 'five'] } as const
const ZONES = ['example.org', 'a.example.org', 'x.a.example.org'] as const
const PATTERNS = ['*.example.org', '**.example.org', '*.a.example.org', '**.a.example.org', 'h?.example.org'] as const
// prettier-ignore
const PREFIXES = [
  '10.0.0.0/24', '10.0.0.0/16', '10.0.0.0/8', '10.1.0.0/16', '192.0.2.0/24', '2001:db8:1::/64', '2001:db8::/32',
]
/** Addresses that a name must not resolve to. */
const NO_SERVERS = [
  '127.0.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '::1',
  'fe80::1',
  'fd00:2021:1111::1',
]
const NOWHERE = ['10.0.9.9', '192.0.2.250', '2001:db8:1::ffff', '172.16.0.1', '198.51.100.99'] as const

/** Tries to find a random probe that is answered. */
const MAX_TRIES = 12

export interface Person {
  readonly name: string
  readonly actor: Actor
  readonly groupId: string
  client: VirtualClient
  /** Id of the policy for each resource that this person may reach. */
  readonly policies: Map<string, string>
  /** All resources that this person ever had, with the filters they had at the time. */
  readonly everAllowed: ModelResource[]
  /** Number of events so far that may have ended this person's connections. */
  disturbances: number
}

export interface Place {
  readonly name: string
  readonly id: string
  readonly network: VirtualSite
  readonly gateways: readonly string[]
  readonly machines: ModelMachine[]
  readonly records: Map<string, readonly string[]>
  /** All names that an address ever had. */
  readonly everNamed: Map<string, Set<string>>
}

/** People, resources, sites and names of a random world, the changes to them, and the model's view of them. */
export class Scenery {
  readonly world: VirtualWorld
  readonly dice: Dice
  readonly places: readonly Place[]
  readonly people: readonly Person[]
  readonly resources: ModelResource[] = []
  readonly log: string[] = []
  readonly #names: string[] = []

  readonly #nats: RandomNats | undefined

  /** `nats`: chooses the NATs that clients and gateways are behind; without, there are none. */
  constructor(world: VirtualWorld, dice: Dice, nats?: RandomNats) {
    this.world = world
    this.dice = dice
    this.#nats = nats
    const { portal } = world
    const second = world.addSite('paris')
    const empty = () => ({ machines: [], records: new Map(), everNamed: new Map() })
    this.places = [
      { name: 'berlin', id: portal.siteId, network: world.site, gateways: GATEWAYS.berlin, ...empty() },
      { name: 'paris', ...second, gateways: GATEWAYS.paris, ...empty() },
    ]
    for (let count = 4 + dice.below(5); count > 0; count--) this.#addMachine()
    for (const place of this.places) {
      for (const name of place.gateways.slice(0, 1 + dice.below(place.gateways.length))) this.startGateway(name)
    }
    for (let count = 5; count > 0; count--) this.addResource()
    world.clock.advance(200)
    this.people = PEOPLE.map((name) => {
      const actor = portal.actor(name)
      const groupId = portal.group(name, actor).id
      const client = this.#startClient(name, actor)
      return { name, actor, groupId, client, policies: new Map(), everAllowed: [], disturbances: 0 }
    })
  }

  note(what: string): void {
    this.log.push(`${(this.world.clock.now() / 1_000).toFixed(3)} ${what}`)
  }

  surroundings({ client, policies }: Person): Surroundings {
    const { gateways } = this.world
    const sites: ModelSite[] = this.places.map(({ name, machines, records, gateways: all }) => ({
      name,
      machines,
      records,
      gateways: all.flatMap((one) => (gateways.has(one) ? [gateways.get(one)?.host.addresses ?? []] : [])),
    }))
    return { resources: this.resources.filter(({ id }) => policies.has(id)), sites, addresses: client.host.addresses }
  }

  anyPerson(): Person {
    return this.#one(this.people)
  }

  /** A random probe of a person that the model mostly expects to be answered, with the results that it expects. */
  aimedProbe(person: Person): { probe: Probe; expected: readonly string[] } {
    const surroundings = this.surroundings(person)
    for (let tries = 0; ; tries++) {
      const probe = this.anyProbe()
      const expected = predict(probe, surroundings)
      const isDull = expected.every((one) => one === 'unreachable' || one === 'unresolved')
      if (!isDull || tries === MAX_TRIES || this.dice.chance(8)) return { probe, expected }
    }
  }

  anyProbe(): Probe {
    const { dice } = this
    const protocol = dice.pick<Protocol>(['udp', 'udp', 'tcp', 'icmp'])
    const port = dice.pick(PORTS)
    const choice = dice.below(4)
    if (dice.chance(2)) {
      return { target: this.#one(this.#names), family: dice.pick(['ipv4', 'ipv6']), protocol, port, choice }
    }
    const { machines } = this.#one(this.places)
    const target = dice.chance(4) ? dice.pick(NOWHERE) : (dice.pick(dice.pick(machines)?.addresses ?? []) ?? '10.9.9.9')
    return { target, family: target.includes(':') ? 'ipv6' : 'ipv4', protocol, port, choice }
  }

  /** Random outside addresses of a machine, of one family or both. */
  anyOutside(): string[] {
    const number = 10 + this.dice.below(60_000)
    const [ipv4, ipv6] = [`198.18.${number >> 8}.${number & 255}`, `2001:db8:f::${number.toString(16)}`]
    return this.dice.pick([[ipv4], [ipv6], [ipv4, ipv6]])
  }

  addResource(): void {
    const { dice } = this
    const place = this.#one(this.places)
    const addresses = place.machines.flatMap((machine) => machine.addresses)
    const address = dice.pick(addresses) ?? '10.9.9.9'
    const known = dice.pick([...place.records.keys()]) ?? this.#one(this.#names)
    const choices: Pick<ModelResource, 'type' | 'address' | 'only'>[] = [
      { type: 'dns', address: known },
      { type: 'dns', address: known },
      { type: 'dns', address: this.#one(this.#names), only: dice.pick(['ipv4', 'ipv6']) },
      { type: 'dns', address: dice.pick(PATTERNS) },
      { type: 'dns', address: dice.pick(PATTERNS), only: dice.pick(['ipv4', 'ipv6']) },
      { type: 'cidr', address: `${address}/${address.includes(':') ? 128 : 32}` },
      { type: 'cidr', address: this.#one(PREFIXES) },
      { type: 'internet', address: '' },
    ]
    const chosen = this.#one(choices)
    const { type } = chosen
    if (type === 'internet' && this.resources.some((resource) => resource.type === 'internet')) return
    const filters = type === 'internet' ? [] : this.#anyFilters()
    const { id } = this.world.portal.resource(type, type === 'internet' ? null : chosen.address, wireFilters(filters), {
      siteId: place.id,
      ipStack: chosen.only === undefined ? 'dual' : `${chosen.only}_only`,
    })
    const resource = { ...chosen, id, site: place.name, filters }
    this.note(`resource ${JSON.stringify(resource)}`)
    this.resources.push(resource)
  }

  removeResource(): void {
    const resource = this.dice.pick(this.resources)
    if (resource === undefined || this.resources.length < 3) return
    this.note(`resource ${resource.id} is removed`)
    this.world.portal.remove('resources', resource.id)
    this.resources.splice(this.resources.indexOf(resource), 1)
    for (const person of this.people) if (person.policies.delete(resource.id)) person.disturbances++
  }

  refilter(): void {
    const resource = this.dice.pick(this.resources.filter(({ type }) => type !== 'internet'))
    if (resource === undefined) return
    const changed = { ...resource, filters: this.#anyFilters() }
    this.note(`resource ${resource.id} permits ${JSON.stringify(changed.filters)}`)
    this.world.portal.patch('resources', resource.id, { filters: wireFilters(changed.filters) })
    this.resources[this.resources.indexOf(resource)] = changed
    for (const person of this.people) if (person.policies.has(resource.id)) this.#remember(person, changed)
  }

  allow(): void {
    const person = this.anyPerson()
    const resource = this.dice.pick(this.resources)
    if (resource === undefined || person.policies.has(resource.id)) return
    this.note(`${person.name} may have ${resource.id}`)
    person.policies.set(resource.id, this.world.portal.policy(person.groupId, resource.id).id)
    this.#remember(person, resource)
  }

  withdraw(): void {
    const person = this.anyPerson()
    const [resource, policy] = this.dice.pick([...person.policies]) ?? []
    if (resource === undefined || policy === undefined) return
    this.note(`${person.name} may have ${resource} no more`)
    this.world.portal.remove('policies', policy)
    person.policies.delete(resource)
    person.disturbances++
  }

  /** Gives a name other addresses at a site: of other machines, none, or addresses that must not be reached. */
  rename(name = this.#one(this.#names), place = this.#one(this.places)): void {
    const { dice } = this
    const machines = [dice.pick(place.machines), ...(dice.chance(3) ? [dice.pick(place.machines)] : [])]
    const addresses = dice.chance(6) ? [] : machines.flatMap((machine) => machine?.addresses ?? [])
    const records = [...new Set([...addresses, ...(dice.chance(6) ? [this.#one(NO_SERVERS)] : [])])]
    this.note(`${name} at ${place.name} is ${records.join()}`)
    place.records.set(name, records)
    place.network.name(name, records)
    for (const address of records) place.everNamed.set(address, (place.everNamed.get(address) ?? new Set()).add(name))
  }

  startGateway(name: string): void {
    const gateway = this.world.startGateway(name, this.places.find(({ gateways }) => gateways.includes(name))?.id)
    // A machine that had a gateway before is where it was.
    if (gateway.host.nat === undefined) this.move(gateway, gateway.host.addresses)
  }

  /** Moves the machine of a client or gateway to other outside addresses, perhaps behind a NAT. */
  move(peer: VirtualClient | VirtualGateway, outside: readonly string[]): void {
    peer.move(this.#nats?.place(peer, outside) ?? outside)
    if (peer.host.nat !== undefined) this.note(`it is behind a NAT: ${peer.host.addresses.join()}`)
  }

  /** Starts a new client process on the same device. */
  restartClient(person: Person): void {
    person.client.kill()
    person.client = this.#startClient(person.name, person.actor)
    person.disturbances++
  }

  #startClient(name: string, actor: Actor): VirtualClient {
    const client = this.world.startClient(name, actor)
    this.move(client, this.anyOutside())
    return client
  }

  #addMachine(): void {
    const { dice } = this
    const place = this.#one(this.places)
    const at = this.places.reduce((sum, { machines }) => sum + machines.length, 0)
    const here = place.machines.map((one) => one.addresses)
    const elsewhere = this.places.flatMap(({ machines }) => machines).filter((one) => !here.includes(one.addresses))
    // Sites may use the same private addresses.
    const addresses =
      (dice.chance(4) ? dice.pick(elsewhere)?.addresses : undefined) ??
      dice.pick([
        [`10.${dice.below(2)}.${dice.below(3)}.${10 + at}`],
        [`2001:db8:${1 + dice.below(2)}::${10 + at}`],
        [`10.0.0.${10 + at}`, `2001:db8:1::${10 + at}`],
        [`192.0.2.${10 + at}`, `10.1.1.${10 + at}`],
      ])
    const machine = { name: `machine-${at}`, addresses, closedPorts: dice.chance(3) ? [dice.pick(PORTS)] : [] }
    place.network.machine(machine.name, addresses, machine)
    place.machines.push(machine)
    const name = `h${at}.${dice.pick(ZONES)}`
    this.#names.push(name)
    this.rename(name, place)
  }

  #anyFilters(): ModelResource['filters'] {
    const one = (protocol: Protocol, from = 1, to = 65_535) => ({ protocol, from, to })
    const choices: ModelResource['filters'][] = [
      [],
      [],
      [one('tcp')],
      [one('icmp')],
      [one('udp', 80, 80), one('tcp', 80, 80)],
      [one('udp', 53, 80), one('icmp')],
      [one('tcp', 7, 60), one('udp', 8_000, 9_000)],
    ]
    return this.#one(choices)
  }

  #remember(person: Person, resource: ModelResource): void {
    person.everAllowed.push(resource)
    person.disturbances++
  }

  #one<T>(choices: readonly T[]): T {
    const [first, ...rest] = choices
    if (first === undefined) throw new RangeError('nothing to choose from')
    return this.dice.pick([first, ...rest])
  }
}

const wireFilters = (filters: ModelResource['filters']): { protocol: Protocol; ports: string[] }[] =>
  filters.map(({ protocol, from, to }) => ({ protocol, ports: protocol === 'icmp' ? [] : [`${from}-${to}`] }))
