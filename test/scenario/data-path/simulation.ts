import { integerBelow } from '../../../core/runtime/random.ts'
import { SECOND } from '../../../core/runtime/time.ts'
import type { Actor } from '../../../hosts/portal/entities.ts'
import { MemoryTransport } from '../../../plugins/transport-memory/memory-transport.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { checksumsAreRight, describePacket } from '../../kit/packet-builder.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import type { VirtualClient } from '../../kit/virtual-client.ts'
import { VirtualWorld } from '../../kit/virtual-world.ts'
import { predict, type ModelMachine, type ModelResource, type Prediction, type Probe } from './model.ts'

const PEOPLE = ['ada', 'bob', 'eve']
const GATEWAYS = ['one', 'two', 'three']
const PORTS = [7, 53, 80, 8080]
const ROUNDS = 5
const EVENTS = 5
const PROBES = 10
/** Between the last event and the probes: longer than any retry after troubles as short as these. */
const SETTLE_MS = 70 * SECOND

/** A probe that met something else than the model says. */
export class Deviation extends Error {}

/**
 * One random world and what happens to it, all from a seed: sites, families, resources that overlap, filters that change, people that
 * come and go, roaming, restarts of gateways, clients and the portal, loss and delay. After each round of events the world settles, and
 * random probes have to meet what the model predicts. Meanwhile, nothing may reach the site that the model never allowed.
 */
export class Simulation {
  readonly #random: SeededRandom
  readonly #world: VirtualWorld
  readonly #machines: ModelMachine[] = []
  readonly #resources: ModelResource[] = []
  readonly #actors = new Map<string, Actor>()
  readonly #groups = new Map<string, string>()
  readonly #clients = new Map<string, VirtualClient>()
  /** By `person resource`. */
  readonly #policies = new Map<string, string>()
  /** Every resource that a person was ever allowed, with every port of it. */
  readonly #everAllowed = new Map<string, ModelResource[]>()
  readonly #log: string[] = []
  #starts = 0
  #nextPort = 20_000
  #checked = 0
  probes = 0

  constructor(seed: number) {
    this.#random = new SeededRandom(`data path ${seed}`)
    const transport = this.#chance(4) ? new WireGuardTransport() : new MemoryTransport()
    this.#world = new VirtualWorld({ seed, transport })
  }

  run(): void {
    this.#build()
    for (let round = 0; round < ROUNDS; round++) {
      for (let event = 0; event < EVENTS; event++) {
        this.#happen()
        this.#traffic()
        this.#world.clock.advance(this.#below(4 * SECOND))
      }
      this.#settle()
      for (let probe = 0; probe < PROBES; probe++) this.#probe()
      this.#checkSite()
    }
  }

  #build(): void {
    const { portal, site, clock } = this.#world
    const count = 4 + this.#below(5)
    for (let at = 0; at < count; at++) {
      const zone = this.#pick(['example.org', 'a.example.org', 'x.a.example.org'])
      const pool = [
        [`10.${this.#below(2)}.${this.#below(3)}.${10 + at}`],
        [`2001:db8:${1 + this.#below(2)}::${10 + at}`],
        [`10.0.0.${10 + at}`, `2001:db8:1::${10 + at}`],
        [`192.0.2.${10 + at}`, `10.1.1.${10 + at}`],
      ]
      const machine = { name: `machine-${at}`, domain: `h${at}.${zone}`, addresses: this.#pick(pool) }
      site.machine(machine.name, machine.addresses)
      site.name(machine.domain, machine.addresses)
      this.#machines.push(machine)
    }
    for (let at = 0; at < 4; at++) this.#addResource()
    for (const person of PEOPLE) {
      const actor = portal.actor(person)
      this.#actors.set(person, actor)
      this.#groups.set(person, portal.group(person, actor).id)
    }
    for (const name of GATEWAYS.slice(0, 1 + this.#below(GATEWAYS.length))) this.#world.startGateway(name)
    clock.advance(200)
    for (const person of PEOPLE) this.#startClient(person)
    for (let at = 0; at < 6; at++) this.#allow()
    clock.advance(SECOND)
  }

  #happen(): void {
    const { portal, network, gateways } = this.#world
    switch (this.#below(13)) {
      case 0:
      case 1:
        return this.#allow()
      case 2:
        return this.#withdraw()
      case 3:
        return this.#addResource()
      case 4:
        return this.#removeResource()
      case 5:
      case 6:
        return this.#refilter()
      case 7: {
        const name = this.#pick([...gateways.keys()])
        if (name === undefined) return
        this.#note(`gateway ${name} dies`)
        return this.#world.killGateway(name)
      }
      case 8: {
        const name = this.#pick(GATEWAYS)
        if (gateways.has(name)) return
        this.#note(`gateway ${name} starts`)
        this.#world.startGateway(name)
        return
      }
      case 9:
        this.#note(portal.isRunning ? 'the portal stops' : 'the portal starts')
        return portal.isRunning ? portal.stop() : portal.start()
      case 10: {
        const person = this.#pick(PEOPLE)
        const addresses = this.#places()
        this.#note(`${person} moves to ${addresses.join()}`)
        this.#clients.get(person)?.move(addresses)
        return
      }
      case 11: {
        const person = this.#pick(PEOPLE)
        this.#note(`${person}'s client dies and starts again`)
        this.#clients.get(person)?.kill()
        return this.#startClient(person)
      }
      default: {
        const link = { loss: this.#below(5) / 20, latencyMs: 1 + this.#below(120), jitterMs: this.#below(60) }
        this.#note(`the network has ${JSON.stringify(link)}`)
        network.setEverywhere(link)
      }
    }
  }

  #startClient(person: string): void {
    const actor = this.#actors.get(person)
    if (actor === undefined) return
    const client = this.#world.startClient(`${person}-${++this.#starts}`, actor)
    client.move(this.#places())
    this.#clients.set(person, client)
  }

  /** A machine's addresses: one family or both. */
  #places(): string[] {
    const number = 10 + this.#below(60_000)
    const ipv4 = `198.18.${number >> 8}.${number & 255}`
    const ipv6 = `2001:db8:f::${number.toString(16)}`
    return this.#pick([[ipv4], [ipv6], [ipv4, ipv6]])
  }

  #addResource(): void {
    const at = this.#below(8)
    const known = this.#pick(this.#machines)
    const choices: Pick<ModelResource, 'type' | 'address'>[] = [
      { type: 'dns', address: known.domain },
      { type: 'dns', address: known.domain },
      {
        type: 'dns',
        address: this.#pick([
          '*.example.org',
          '**.example.org',
          '*.a.example.org',
          '**.a.example.org',
          'h?.example.org',
        ]),
      },
      ...known.addresses.map(
        (address) => ({ type: 'cidr', address: `${address}/${address.includes(':') ? 128 : 32}` }) as const,
      ),
      {
        type: 'cidr',
        address: this.#pick(['10.0.0.0/24', '10.0.0.0/16', '10.0.0.0/8', '10.1.0.0/16', '192.0.2.0/24']),
      },
      { type: 'cidr', address: this.#pick(['2001:db8:1::/64', '2001:db8::/32']) },
      { type: 'internet', address: '' },
    ]
    const { type, address } = choices[at % choices.length] ?? { type: 'internet', address: '' }
    if (type === 'internet' && this.#resources.some((resource) => resource.type === 'internet')) return
    const ports = type === 'internet' ? undefined : this.#ports()
    const { id } = this.#world.portal.resource(type, type === 'internet' ? null : address, filtersOf(ports))
    this.#note(`resource ${id}: ${type} ${address} ${String(ports)}`)
    this.#resources.push({ id, type, address, ports })
  }

  #ports(): readonly number[] | undefined {
    return this.#pick([undefined, undefined, [], [80], [53, 80], [7, 8080]])
  }

  #removeResource(): void {
    const resource = this.#pick(this.#resources)
    if (resource === undefined || this.#resources.length < 3) return
    this.#note(`resource ${resource.id} is removed`)
    this.#world.portal.remove('resources', resource.id)
    this.#resources.splice(this.#resources.indexOf(resource), 1)
    for (const key of this.#policies.keys()) if (key.endsWith(resource.id)) this.#policies.delete(key)
  }

  #refilter(): void {
    const resource = this.#pick(this.#resources.filter(({ type }) => type !== 'internet'))
    if (resource === undefined) return
    const ports = this.#ports()
    this.#note(`resource ${resource.id} permits ${String(ports)}`)
    this.#world.portal.setFilters(resource.id, filtersOf(ports))
    this.#resources[this.#resources.indexOf(resource)] = { ...resource, ports }
    for (const person of PEOPLE)
      if (this.#policies.has(`${person} ${resource.id}`)) this.#remember(person, { ...resource, ports })
  }

  #allow(): void {
    const person = this.#pick(PEOPLE)
    const resource = this.#pick(this.#resources)
    const key = `${person} ${resource?.id}`
    if (resource === undefined || this.#policies.has(key)) return
    this.#note(`allow ${key}`)
    this.#policies.set(key, this.#world.portal.policy(this.#groups.get(person) ?? '', resource.id).id)
    this.#remember(person, resource)
  }

  #remember(person: string, resource: ModelResource): void {
    this.#everAllowed.set(person, [...(this.#everAllowed.get(person) ?? []), resource])
  }

  #withdraw(): void {
    const [key, id] = this.#pick([...this.#policies]) ?? []
    if (key === undefined || id === undefined) return
    this.#note(`withdraw ${key}`)
    this.#world.portal.remove('policies', id)
    this.#policies.delete(key)
  }

  /** Probes whose outcome nobody predicts, while things happen. */
  #traffic(): void {
    for (let count = this.#below(3); count > 0; count--) {
      const client = this.#clients.get(this.#pick(PEOPLE))
      const { target, family, port } = this.#anyProbe()
      const to = isAddress(target) ? target : client?.resolve(target, family === 'ipv4' ? 'A' : 'AAAA')?.[0]
      if (client !== undefined && to !== undefined && client.ipv4 !== '')
        client.send({ to, port, payload: client.name })
    }
  }

  #settle(): void {
    const { portal, network, gateways, clock } = this.#world
    this.#note('everything settles')
    network.setEverywhere({ loss: 0, latencyMs: 5, jitterMs: 0 })
    if (!portal.isRunning) portal.start()
    for (const [name, { ended }] of gateways) if (ended !== undefined) this.#world.killGateway(name)
    if (gateways.size === 0) this.#world.startGateway('one')
    for (const [person, { ended }] of this.#clients) if (ended !== undefined) this.#startClient(person)
    clock.advance(SETTLE_MS)
  }

  #anyProbe(): Probe {
    const machine = this.#pick(this.#machines)
    const port = this.#pick(PORTS)
    if (this.#chance(2)) return { target: machine.domain, family: this.#pick(['ipv4', 'ipv6']), port }
    const address = this.#chance(4)
      ? this.#pick(['10.0.9.9', '192.0.2.250', '2001:db8:1::ffff', '172.16.0.1', '198.51.100.99'])
      : this.#pick(machine.addresses)
    return { target: address, family: address.includes(':') ? 'ipv6' : 'ipv4', port }
  }

  #probe(): void {
    const person = this.#pick(PEOPLE)
    const client = this.#clients.get(person)
    if (client === undefined) return
    const probe = this.#anyProbe()
    const resources = this.#resources.filter(({ id }) => this.#policies.has(`${person} ${id}`))
    const expected = predict(probe, { resources, machines: this.#machines })
    const seen = this.#observe(client, probe, expected)
    this.probes += 1
    if (JSON.stringify(seen) === JSON.stringify(expected)) return
    const status = JSON.stringify({
      state: client.state.linkState,
      resources: client.state.resources.status(),
      counters: client.state.counters(),
    })
    throw new Deviation(
      `${person} to ${probe.target} ${probe.family} port ${probe.port}: ${JSON.stringify(seen)} instead of ${JSON.stringify(expected)}\n${this.#log.join('\n')}\n${status}`,
    )
  }

  #observe(client: VirtualClient, { target, family, port }: Probe, expected: Prediction): Prediction {
    const to = isAddress(target) ? target : client.resolve(target, family === 'ipv4' ? 'A' : 'AAAA')?.[0]
    if (to === undefined) return { outcome: 'unresolved' }
    const fromPort = this.#nextPort++
    const written = client.written.length
    const answer = (): Prediction | undefined => {
      for (const packet of client.written.slice(written)) {
        if (!checksumsAreRight(packet))
          throw new Deviation(`a wrong checksum: ${describePacket(packet)}\n${this.#log.join('\n')}`)
        const text = describePacket(packet)
        if (!text.includes(`:${fromPort} `) && !text.endsWith(`:${fromPort}`) && !text.includes(`:${fromPort})`))
          continue
        if (/^icmp (?:3\/13|1\/1) /.test(text)) return { outcome: 'prohibited' }
        if (/^icmp (?:3\/1|1\/3|1\/0|3\/0) /.test(text)) return { outcome: 'unreachable' }
        const reply = client.received.find((one) => one.toPort === fromPort && one.from === to)
        if (reply !== undefined)
          return { outcome: 'answered', by: new TextDecoder().decode(reply.payload).split(':')[0] ?? '' }
      }
      return undefined
    }
    // An application tries again; where silence is expected, once is enough.
    const attempts = expected.outcome === 'silent' ? 1 : 4
    for (let attempt = 0; attempt < attempts && answer() === undefined; attempt++) {
      client.send({ to, port, payload: client.name, fromPort })
      this.#world.until(() => answer() !== undefined, { withinMs: 4 * SECOND, stepMs: 50 })
    }
    return answer() ?? { outcome: 'silent' }
  }

  /** Nothing has ever come out that no policy allowed at any time. */
  #checkSite(): void {
    const { seen, other } = this.#world.site
    if (other.length > 0) throw new Deviation(`the site saw ${describePacket(other[0])}\n${this.#log.join('\n')}`)
    for (; this.#checked < seen.length; this.#checked++) {
      const packet = seen[this.#checked]
      if (packet === undefined) continue
      const person = new TextDecoder().decode(packet.payload).split('-')[0] ?? ''
      const domain = this.#machines.find(({ addresses }) => addresses.includes(packet.to))?.domain
      const allowed = (this.#everAllowed.get(person) ?? []).some((resource) =>
        [packet.to, ...(domain === undefined ? [] : [domain])].some((target) => {
          const family = packet.to.includes(':') ? 'ipv6' : 'ipv4'
          const { outcome } = predict(
            { target, family, port: packet.toPort },
            { resources: [resource], machines: this.#machines },
          )
          return outcome === 'answered' || outcome === 'silent'
        }),
      )
      if (!allowed) throw new Deviation(`${person} reached ${packet.to} port ${packet.toPort}\n${this.#log.join('\n')}`)
    }
  }

  #note(what: string): void {
    this.#log.push(`${(this.#world.clock.now() / 1_000).toFixed(3)} ${what}`)
  }

  #below(limit: number): number {
    return integerBelow(this.#random, limit)
  }

  #chance(oneIn: number): boolean {
    return this.#below(oneIn) === 0
  }

  #pick<T>(choices: readonly [T, ...T[]]): T
  #pick<T>(choices: readonly T[]): T
  #pick<T>(choices: readonly T[]): T | undefined {
    return choices[this.#below(Math.max(1, choices.length))]
  }
}

const isAddress = (text: string): boolean => /^[\d.]+$|:/.test(text)

/** For no port at all: a protocol that nobody probes. */
const filtersOf = (ports: readonly number[] | undefined): { protocol: 'tcp' | 'udp' | 'icmp'; ports: string[] }[] => {
  if (ports === undefined) return []
  return ports.length === 0 ? [{ protocol: 'tcp', ports: [] }] : [{ protocol: 'udp', ports: ports.map(String) }]
}
