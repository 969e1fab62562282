import type { FromPortal, Role } from '../../core/control/messages.ts'
import { PortalLink, type LinkInput, type LinkOutput, type PortalLinkOptions } from '../../core/control/portal-link.ts'
import { PortalNews } from '../../core/control/portal-news.ts'
import type { PortalProblem } from '../../core/control/portal-problem.ts'
import type { AddressesChanged } from '../../core/ice/candidate-gathering.ts'
import { HeldMachines, type Tell } from '../../core/runtime/held-machines.ts'
import type { Deadline, Machine } from '../../core/runtime/machine.ts'
import { OutputQueue } from '../../core/runtime/output-queue.ts'
import type { Instant } from '../../core/runtime/time.ts'
import type { PeerOutput } from './peer-messages.ts'
import { UNDERSTOOD_FEATURES } from './understood-features.ts'

/** State of a peer's link to its portal. `unreachable`: the portal does not answer; existing grants stay valid. */
export type LinkState = 'connecting' | 'connected' | 'unreachable'

export type PortalSideOutput<R extends Role> =
  | ({ type: 'deliver' } & FromPortal<R>)
  /** The peer has joined: messages sent from here on reach the portal. */
  | { type: 'linkUp' }
  /** The portal has answered since `answerWanted`. */
  | { type: 'answered' }
  | Extract<PeerOutput<R>, { type: 'openConnection' | 'closeConnection' | 'sendText' | 'note' | 'end' }>

export interface PortalSideOptions<R extends Role> extends Omit<PortalLinkOptions<R>, 'features'> {
  /** Event after which the peer counts as connected: joining the channel, or the `init` message that follows. */
  connectedBy: 'linkUp' | 'init'
}

export type PortalSideInput<R extends Role> = LinkInput<R> | AddressesChanged

/** Link of a peer to its portal, with state, problem and log lines for people. */
export class PortalSide<R extends Role> implements Machine<PortalSideInput<R>, PortalSideOutput<R>> {
  readonly #link: PortalLink<R>
  readonly #news = new PortalNews()
  readonly #connectedBy: 'linkUp' | 'init'
  readonly #held = new HeldMachines()
  readonly #tellLink: Tell<LinkInput<R>>
  readonly #outputs = new OutputQueue<PortalSideOutput<R>>()
  #state: LinkState = 'connecting'
  #lostAt: Instant | undefined
  /** Addresses of this machine's links, and those with a default route; undefined before they are known. */
  #network: string | undefined

  constructor({ connectedBy, ...options }: PortalSideOptions<R>) {
    this.#connectedBy = connectedBy
    this.#link = new PortalLink({ ...options, features: UNDERSTOOD_FEATURES[options.role] })
    this.#tellLink = this.#held.hold(this.#link, (output, now) => this.#onLink(output, now))
  }

  get state(): LinkState {
    return this.#state
  }

  /** Why the portal is not reached; undefined while it is reached, and before the first attempt. */
  get problem(): PortalProblem | undefined {
    return this.#news.problem
  }

  /** Time since which the portal is not reached; undefined while it is reached. */
  get lostAt(): Instant | undefined {
    return this.#lostAt
  }

  counters(): Readonly<Record<string, number>> {
    return this.#link.counters()
  }

  handle(input: PortalSideInput<R>, now: Instant): void {
    if (input.type === 'addressesChanged') this.#onAddresses(input, now)
    else this.#tellLink(input, now)
  }

  wake(now: Instant): void {
    this.#held.wake(now)
  }

  poll(): PortalSideOutput<R> | undefined {
    return this.#outputs.poll()
  }

  deadline(): Deadline | undefined {
    return this.#held.deadline()
  }

  /**
   * Has the connection looked at where the links have other addresses, and where a default route leads over another
   * one: it may come after the address, and an attempt before it has failed at once. Addresses of containers do not matter.
   */
  #onAddresses({ addresses, uplinks = [], offered }: AddressesChanged, now: Instant): void {
    const links = offered?.links ?? addresses
    const network = JSON.stringify([links.toSorted(), uplinks.toSorted()])
    const isNew = this.#network !== undefined && network !== this.#network
    this.#network = network
    if (isNew) this.#tellLink({ type: 'networkChanged' }, now)
  }

  #onLink(output: LinkOutput<R>, now: Instant): void {
    const note = this.#news.hear(output, now)
    if (note !== undefined) this.#outputs.push(note)
    switch (output.type) {
      case 'attemptFailed':
      case 'linkDown':
        this.#state = 'unreachable'
        this.#lostAt ??= now
        return
      case 'signedOut':
      case 'identityInUse':
      case 'gaveUp': {
        const detail = [output.reason, ('detail' in output ? output.detail : undefined) ?? []].flat().join(': ')
        this.#outputs.push({ type: 'end', reason: ENDS[output.type], detail })
        return
      }
      case 'linkUp':
        this.#lostAt = undefined
        if (this.#connectedBy === 'linkUp') this.#state = 'connected'
        break
      case 'deliver':
        if (this.#connectedBy === 'init' && output.event === 'init') this.#state = 'connected'
        break
      default:
      // the channel's own, which goes on
    }
    this.#outputs.push(output)
  }
}

const ENDS = { signedOut: 'signed_out', identityInUse: 'identity_in_use', gaveUp: 'unreachable' } as const
