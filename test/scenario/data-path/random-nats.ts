import type { Dice } from '../../kit/dice.ts'
import { VirtualClient } from '../../kit/virtual-client.ts'
import type { VirtualGateway } from '../../kit/virtual-gateway.ts'
import type { NatKind } from '../../kit/virtual-nat.ts'
import type { VirtualWorld } from '../../kit/virtual-world.ts'

/** Kinds of NATs in front of clients and of gateways, chosen so that each client can reach each gateway by IPv4. */
const KINDS: Readonly<Record<'client' | 'gateway', readonly (NatKind | undefined)[]>> = {
  client: [undefined, 'preserving', 'random', 'one-to-one'],
  gateway: [undefined, 'one-to-one'],
}
/** The same where there are relays: all of them. */
const KINDS_WITH_RELAYS = { client: KINDS.client, gateway: KINDS.client }

/** Random NATs of a world, one in front of each machine that has any. */
export class RandomNats {
  readonly #world: VirtualWorld
  readonly #dice: Dice
  readonly #kinds: typeof KINDS
  #machines = 0

  /** `hasRelays`: whether peers meet by relays where their NATs let nobody in. */
  constructor(world: VirtualWorld, dice: Dice, { hasRelays }: { hasRelays: boolean }) {
    this.#world = world
    this.#dice = dice
    this.#kinds = hasRelays ? KINDS_WITH_RELAYS : KINDS
  }

  /** Puts the machine of a peer behind a NAT, or none, and returns its own addresses for these outside. */
  place(peer: VirtualClient | VirtualGateway, outside: readonly string[]): string[] {
    const kind = this.#dice.pick(this.#kinds[peer instanceof VirtualClient ? 'client' : 'gateway'])
    const ipv4 = outside.find((address) => !address.includes(':'))
    peer.host.nat = kind === undefined || ipv4 === undefined ? undefined : this.#world.nat({ kind, outside: ipv4 })
    if (peer.host.nat === undefined) return [...outside]
    const number = ++this.#machines
    const inside = `192.168.${number >> 8}.${number & 255}`
    return outside.map((address) => (address === ipv4 ? inside : address))
  }
}
