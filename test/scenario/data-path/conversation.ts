import type { VirtualGateway } from '../../kit/virtual-gateway.ts'
import { Deviation } from './deviation.ts'
import { isPermitted, type Probe } from './model.ts'
import type { Prober, Talk } from './prober.ts'
import type { Person, Scenery } from './scenery.ts'

/**
 * A TCP connection that is open during a round of events. It stays with the machine that it was opened to, whatever its
 * name resolves to later (D10).
 */
export class Conversation {
  readonly #person: Person
  readonly #talk: Talk
  readonly #disturbances: number
  readonly #gateway: { name: string; process: VirtualGateway }
  readonly #with: string
  readonly #probe: Probe

  private constructor(made: { person: Person; talk: Talk; gateway: VirtualGateway; answer: string; probe: Probe }) {
    const { person, talk, gateway, answer, probe } = made
    this.#person = person
    this.#talk = talk
    this.#disturbances = person.disturbances
    this.#gateway = { name: gateway.name, process: gateway }
    this.#with = answer
    this.#probe = probe
  }

  /** Opens two connections to one name or address from one port (T3), and returns those that are answered. */
  static open(scenery: Scenery, prober: Prober): Conversation[] {
    const person = scenery.anyPerson()
    const { probe } = scenery.aimedProbe(person)
    const { choice } = probe
    return [choice, choice + 1]
      .map((one) => Conversation.#begin(person, { ...probe, protocol: 'tcp', choice: one }, { scenery, prober }))
      .filter((conversation) => conversation !== undefined)
  }

  static #begin(
    person: Person,
    probe: Probe,
    { scenery, prober }: { scenery: Scenery; prober: Prober },
  ): Conversation | undefined {
    const talk = prober.talk(person.client, probe)
    if (talk === undefined || prober.connect(talk) !== 'SA') return undefined
    const answer = prober.say(talk)
    const { network } = scenery.places.find(({ network: one }) => heard(one.arrived, talk) !== undefined) ?? {}
    const gateway = scenery.world.gateways.get(heard(network?.arrived ?? [], talk) ?? '')
    if (gateway === undefined) return undefined
    return new Conversation({ person, talk, gateway, answer, probe })
  }

  /**
   * Checks the connection after everything has settled; returns whether it went on. It must have ended if it is not
   * permitted any more, and may have ended if an event disturbed it.
   */
  check(scenery: Scenery, prober: Prober): boolean {
    const { name, process } = this.#gateway
    const isDisturbed = this.#person.disturbances !== this.#disturbances || scenery.world.gateways.get(name) !== process
    if (this.#talk.client !== this.#person.client) return false
    const isAllowed = isPermitted(this.#probe, scenery.surroundings(this.#person))
    if (isDisturbed && isAllowed) return false
    const answer = prober.say(this.#talk, ...(isAllowed ? [] : [1]))
    if (isAllowed ? answer === this.#with : !answer.startsWith('answered')) return isAllowed
    throw new Deviation(
      `${this.#person.name}'s open connection ${JSON.stringify(this.#probe)}: ${answer} instead of ${isAllowed ? this.#with : 'its end'}`,
    )
  }
}

const heard = (
  arrived: readonly { gateway: string; from: string; fromPort: number; toPort: number; kind: string }[],
  { client, fromPort, port }: Talk,
): string | undefined =>
  arrived.findLast(
    (seen) =>
      seen.kind === 'tcp' &&
      [client.ipv4, client.ipv6].includes(seen.from) &&
      seen.fromPort === fromPort &&
      seen.toPort === port,
  )?.gateway
