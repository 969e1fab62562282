import type { Extensions } from '../../../core/contract/extension-point.ts'
import type { Coordinates, RelayProvider } from '../../../core/contract/relay-provider.ts'
import { ListedRelay } from '../../../core/control/listed-relay.ts'
import type { Clock } from '../../../core/runtime/clock.ts'
import { drive, type Driven } from '../../../core/runtime/drive.ts'
import { splitEndpoint } from '../../../core/runtime/endpoint.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { after, MINUTE, SECOND, unixOf, type UnixTime } from '../../../core/runtime/time.ts'
import type { PresentRelay } from '../decide/relay-choice.ts'
import { ProbeSockets } from './probe-sockets.ts'
import { RelayProbes, type ProbeInput, type ProbeOutput } from './relay-probes.ts'
import { problemOf, standingOf, type EndpointStanding, type RelayStanding } from './relay-standing.ts'

export interface RelayWatchOptions {
  /** Relay providers; their methods may throw. */
  providers: Extensions<RelayProvider>
  clock: Clock
  random: Random
  logger: Logger
  /** Whether to probe relays; without it all count as present. */
  probe: boolean
  /** Returns the place of an IP address, if known: that of a relay without one of its own. */
  placeOf: (address: string) => Coordinates | undefined
  /** Called with the relays that peers may be offered, whenever they have changed. */
  changed: (relays: readonly PresentRelay[]) => void
}

/** Relay of a provider, checked. */
interface KnownRelay extends PresentRelay {
  isKnownPresent: boolean
  isOffered: boolean
  /** Time since which it is offered, or is not. */
  since: UnixTime
}

/** Relay as a provider lists it, checked. */
type Listed = Omit<KnownRelay, 'provider' | 'isOffered' | 'since'>

/** Interval in which providers are asked for their relays, beside whenever they say that these have changed. */
const COLLECT_EVERY_MS = MINUTE
/** Interval after which a provider that failed is asked again. */
const COLLECT_AGAIN_MS = 5 * SECOND
/** Most relays that are taken from one provider. */
const MAX_RELAYS = 256

/** Follows which relays there are and which of them answer. */
export class RelayWatch implements Startable {
  readonly #options: RelayWatchOptions
  readonly #probes: RelayProbes
  readonly #sockets: ProbeSockets
  readonly #driven: Driven<ProbeInput>
  readonly #ends: (() => void)[] = []
  /** Problems of providers' lists that were logged, each once. */
  readonly #logged = new Set<string>()
  /** Latest list of each provider, by its key. */
  readonly #lists = new Map<string, readonly Listed[]>()
  #relays: KnownRelay[] = []
  #told = '[]'
  #cancel: (() => void) | undefined
  #isStopped = false

  constructor(options: RelayWatchOptions) {
    this.#options = options
    const { clock, logger } = options
    this.#probes = new RelayProbes(options)
    this.#sockets = new ProbeSockets({
      logger,
      onDatagram: (from, bytes) => this.#driven.dispatch({ type: 'datagramReceived', from, bytes }),
      onFailure: (to, code) => this.#driven.dispatch({ type: 'sendFailed', to, code }),
    })
    this.#driven = drive(this.#probes, { clock, perform: (output) => this.#perform(output) })
  }

  start(): void {
    for (const { value } of this.#options.providers.values()) {
      if (value.watch !== undefined) this.#ends.push(this.#watched(value))
    }
    this.#collect()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
    for (const end of this.#ends) end()
    this.#driven.stop()
    this.#sockets.close()
  }

  /** Returns all relays of all providers, and what keeps some from being offered. */
  standings(): RelayStanding[] {
    return this.#relays.map((relay) => standingOf(relay, this.#endpointsOf(relay)))
  }

  #watched(provider: RelayProvider): () => void {
    try {
      return provider.watch?.(() => this.#collect()) ?? ((): void => undefined)
    } catch {
      // Logged where plugins are called; the relays are still read once a minute.
      return () => undefined
    }
  }

  #perform(output: ProbeOutput): void {
    if (output.type === 'sendDatagram') this.#sockets.send(output.to, output.bytes)
    else this.#judge()
  }

  /** Asks all providers for their relays. */
  #collect(): void {
    if (this.#isStopped) return
    const { clock, providers, probe } = this.#options
    const before = new Map(this.#relays.map((relay) => [relay.id, relay]))
    const relays = new Map<string, KnownRelay>()
    const lists = [...providers].map(([provider, { value, plugin }]) => ({
      provider,
      plugin,
      list: this.#listed({ value, plugin }),
    }))
    this.#cancel?.()
    const hasFailed = lists.some(({ list }) => list === undefined)
    const delayMs = hasFailed ? COLLECT_AGAIN_MS : COLLECT_EVERY_MS
    this.#cancel = clock.wake(after(clock.now(), delayMs), () => this.#collect())
    for (const { provider, plugin, list = this.#lists.get(provider) ?? [] } of lists) {
      this.#lists.set(provider, list)
      for (const relay of list) {
        const { isOffered = false, since = clock.unix() } = before.get(relay.id) ?? {}
        if (relays.has(relay.id))
          this.#warnOnce({ plugin, relay: relay.id }, 'a relay is listed twice: the first counts')
        else relays.set(relay.id, { ...relay, ...this.#placed(relay), provider, isOffered, since })
      }
    }
    this.#relays = [...relays.values()]
    const probed = this.#relays.filter(({ isKnownPresent }) => probe && !isKnownPresent)
    this.#driven.dispatch({ type: 'endpointsChanged', endpoints: probed.flatMap(({ endpoints }) => endpoints) })
    for (const gone of before.values())
      if (gone.isOffered && !relays.has(gone.id)) this.#log(gone, 'its provider no more lists it')
    this.#judge()
  }

  #placed({ place, endpoints }: Pick<KnownRelay, 'place' | 'endpoints'>): { place?: Coordinates } {
    const addresses = endpoints.flatMap((each) => splitEndpoint(each)?.address ?? [])
    const found = place ?? addresses.map((each) => this.#options.placeOf(each)).find((each) => each !== undefined)
    return found === undefined ? {} : { place: found }
  }

  /** Returns the well-formed relays of a provider; undefined if it fails. */
  #listed({ value, plugin }: { value: RelayProvider; plugin: string }): Listed[] | undefined {
    let listed: readonly unknown[]
    try {
      listed = value.relays()
      if (!Array.isArray(listed)) throw new TypeError('its relays are no list')
    } catch (error) {
      this.#warnOnce({ plugin, reason: String(error) }, 'a plugin cannot list its relays: those of before stay')
      return undefined
    }
    return listed.slice(0, MAX_RELAYS).flatMap((each) => {
      const parsed = ListedRelay.safeParse(each)
      if (parsed.success) return [parsed.data]
      const reason = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')
      this.#warnOnce({ plugin, reason }, 'a relay is malformed: it is not offered')
      return []
    })
  }

  /** Decides anew which relays are offered, and tells them if they have changed. */
  #judge(): void {
    const { clock, changed } = this.#options
    const present = this.#relays.flatMap((relay): PresentRelay[] => {
      const endpoints = this.#endpointsOf(relay)
        .filter(({ isOffered }) => isOffered)
        .map((each) => each.endpoint)
      const isOffered = endpoints.length > 0
      if (isOffered !== relay.isOffered) {
        relay.isOffered = isOffered
        relay.since = clock.unix()
        this.#log(relay, problemOf(this.#endpointsOf(relay)))
      }
      const { isKnownPresent: _, isOffered: _is, since: _since, ...rest } = relay
      return isOffered ? [{ ...rest, endpoints }] : []
    })
    const text = JSON.stringify(present)
    if (text === this.#told) return
    this.#told = text
    changed(present)
  }

  #endpointsOf({ endpoints, isKnownPresent }: KnownRelay): EndpointStanding[] {
    const { probe, clock } = this.#options
    const found = endpoints.map((each) => ({ endpoint: each, probed: this.#probes.stateOf(each) }))
    const answers = found.some(({ probed }) => probed?.state === 'answers')
    return found.map(({ endpoint, probed }): EndpointStanding => {
      if (isKnownPresent || !probe) return { endpoint, state: 'not_probed', isOffered: true, since: null }
      const { state = 'asked', since } = probed ?? {}
      // A family that this machine lacks is another machine's to judge: the relay's other endpoint answers for it.
      const isOffered = state === 'answers' || (state === 'unreachable' && answers)
      return { endpoint, state, isOffered, since: since === undefined ? null : unixOf(since, clock.pair()) }
    })
  }

  #log({ id, name, provider, isOffered }: KnownRelay, problem: string | null): void {
    const { logger } = this.#options
    if (isOffered && problem === null) logger.info({ id, name, provider }, 'a relay answers: peers are offered it')
    else if (isOffered) logger.info({ id, name, provider, problem }, 'a relay is offered in part, or no more')
    else logger.warn({ id, name, provider, problem }, 'a relay is withdrawn')
  }

  #warnOnce(fields: Record<string, string>, message: string): void {
    const key = `${message} ${JSON.stringify(fields)}`
    if (this.#logged.has(key) || this.#logged.size >= MAX_LOGGED) return
    this.#logged.add(key)
    this.#options.logger.warn(fields, message)
  }
}

/** Most different problems of providers' lists that are logged. */
const MAX_LOGGED = 1_000
