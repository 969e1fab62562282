import { endpoint, splitEndpoint, type Endpoint } from '../../core/runtime/endpoint.ts'
import { integerBelow, type Random } from '../../core/runtime/random.ts'
import { after, SECOND, type Instant } from '../../core/runtime/time.ts'

/**
 * How a NAT treats UDP. `one-to-one`: each port of the outside address is that of the one machine inside, in both
 * directions, as in clouds. `preserving`: a port keeps its number, and only answers come in, as behind a Linux router.
 * `random`: each destination sees another port, and only answers come in.
 */
export type NatKind = 'one-to-one' | 'preserving' | 'random'

export interface VirtualNatOptions {
  kind: NatKind
  /** IPv4 address outside. */
  outside: string
  random: Random
  /** UDP ports outside that are forwarded to an endpoint inside. */
  forwards?: ReadonlyMap<number, Endpoint>
}

interface Binding {
  inside: Endpoint
  outside: Endpoint
  /** Other end, from which answers may come. */
  remote: Endpoint
  usedAt: Instant
}

/** Time without packets from inside after which a NAT forgets a binding: the shortest that is met in practice. */
const BINDING_LIVES_MS = 30 * SECOND

/** A router that translates the IPv4 addresses of the machines behind it. */
export class VirtualNat {
  readonly #kind: NatKind
  readonly #random: Random
  readonly #forwards: ReadonlyMap<number, Endpoint>
  #bindings: Binding[] = []
  /** IPv4 address outside; assign another one where the router moves. */
  outside: string
  /** Endpoints of strangers whose datagrams were dropped. */
  readonly refused: Endpoint[] = []

  constructor({ kind, outside, random, forwards = new Map() }: VirtualNatOptions) {
    this.#kind = kind
    this.outside = outside
    this.#random = random
    this.#forwards = forwards
  }

  /** Translates the source of a datagram from inside. */
  outbound(inside: Endpoint, remote: Endpoint, now: Instant): Endpoint {
    const port = splitEndpoint(inside)?.port ?? 0
    if (this.#kind === 'one-to-one') return endpoint(this.outside, port)
    for (const [outer, target] of this.#forwards) if (target === inside) return endpoint(this.outside, outer)
    this.#bindings = this.#bindings.filter(
      ({ usedAt, outside }) => after(usedAt, BINDING_LIVES_MS) > now && outside.startsWith(`${this.outside}:`),
    )
    const known = this.#bindings.find((one) => one.inside === inside && one.remote === remote)
    if (known !== undefined) {
      known.usedAt = now
      return known.outside
    }
    const outside = endpoint(this.outside, this.#freePort(port, inside))
    this.#bindings.push({ inside, outside, remote, usedAt: now })
    return outside
  }

  /** Translates the destination of a datagram from outside; undefined if it may not come in. */
  inbound(outside: Endpoint, remote: Endpoint, insideAddress: string | undefined, now: Instant): Endpoint | undefined {
    const port = splitEndpoint(outside)?.port ?? 0
    if (this.#kind === 'one-to-one') return insideAddress === undefined ? undefined : endpoint(insideAddress, port)
    const forwarded = this.#forwards.get(port)
    if (forwarded !== undefined) return forwarded
    const binding = this.#bindings.find((one) => one.outside === outside && one.remote === remote)
    if (binding !== undefined && after(binding.usedAt, BINDING_LIVES_MS) > now) return binding.inside
    this.refused.push(remote)
    return undefined
  }

  #freePort(wanted: number, inside: Endpoint): number {
    const isTaken = (port: number) =>
      this.#bindings.some((one) => one.inside !== inside && one.outside === endpoint(this.outside, port))
    for (let port = wanted; ; port = 1_024 + integerBelow(this.#random, 64_000)) {
      if ((this.#kind === 'preserving' || port !== wanted) && !isTaken(port)) return port
    }
  }
}
