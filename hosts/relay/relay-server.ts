import { OperatorError } from '../../core/config/operator-error.ts'
import { canonicalAddress } from '../../core/net/ip-address.ts'
import type { Prefix } from '../../core/net/prefix.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import { Counters } from '../../core/runtime/counters.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import type { Endpoint, Family } from '../../core/runtime/endpoint.ts'
import type { Startable } from '../../core/runtime/lifecycle.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import type { Random } from '../../core/runtime/random.ts'
import { after, type Instant } from '../../core/runtime/time.ts'
import type { Allocation } from '../../core/turn/allocation.ts'
import type { AllocationLimits } from '../../core/turn/allocations.ts'
import type { PasswordOf } from '../../core/turn/request-proof.ts'
import { TurnRelay } from '../../core/turn/turn-relay.ts'
import type { AccountLimit, TurnRelayInput, TurnRelayOutput } from '../../core/turn/turn-relay-messages.ts'
import { openUdpPort } from '../runtime/datagram-socket.ts'
import { loadAddon, type Addon } from '../runtime/native/addon.ts'
import { EndpointDecoder, EndpointEncoder } from '../runtime/socket-address.ts'
import { RelayBurst } from './relay-burst.ts'
import { errorCode } from './error-code.ts'
import { RelayPort } from './relay-port.ts'
import { RelayedPorts } from './relayed-ports.ts'
import { SocketTurns } from './socket-turns.ts'
import { RelayStreams, STREAM_LISTENER, type AttachedStream, type RelayStream } from './relay-streams.ts'

export interface RelayServerOptions {
  /** Addresses to listen on; `0.0.0.0` and `::` are all of a family. Relayed ports are opened on the same. */
  listen: readonly string[]
  /** UDP port to listen on; 0 for any. */
  port: number
  /** Addresses at which peers reach relayed ports, by family. */
  addresses: Partial<Record<Family, string>>
  relayedPorts: { first: number; last: number }
  /** Prefixes of peers that are permitted besides the Internet. */
  permittedPeers: readonly Prefix[]
  limits?: Partial<AllocationLimits>
  passwordOf: PasswordOf
  /** Returns the account of a user name, for the limits of accounts. */
  accountOf?: (username: string) => string | undefined
  /** Remedy where the relay cannot listen, a sentence for the operator. */
  listenRemedy?: string
  /** Whether it serves from its start on; it does by default. */
  serves?: boolean
  clock: Clock
  random: Random
  logger: Logger
  interfaces: NetworkInterfaces
}

/** Bytes that each of a relay's sockets is to hold while the process is busy. */
const BUFFER_BYTES = 4 * 1_048_576
const RETRY_MS = 1
/** Endpoints that are remembered in both of the addon's forms. */
const REMEMBERED_ENDPOINTS = 16_384

/** Numbers of a relay, for metrics and status. */
export interface RelayNumbers {
  allocations: number
  /** Datagrams and bytes of data forwarded, without those of the relay's own answers. */
  datagrams: number
  bytes: number
  /** Answers by code, and datagrams that were dropped or could not be sent, by reason. */
  outcomes: Readonly<Record<string, number>>
}

/** TURN and STUN server on UDP sockets: listening ones, and a port for each family of each allocation. */
export class RelayServer implements Startable {
  readonly #options: RelayServerOptions
  readonly #relay: TurnRelay
  readonly #listeners: { port: RelayPort; number: number }[] = []
  readonly #relayed: RelayedPorts
  readonly #drops = new Counters()
  readonly #streams: RelayStreams
  readonly #turns: SocketTurns
  readonly #waiting = new Set<RelayPort>()
  readonly #codecs = {
    ipv4: codecOf('ipv4'),
    ipv6: codecOf('ipv6'),
  }
  #addon: Addon | undefined
  #burst: RelayBurst | undefined
  #driven: Driven<TurnRelayInput> | undefined
  #unwatch: (() => void) | undefined
  #addresses: Partial<Record<Family, string>>
  #retrying = false

  constructor(options: RelayServerOptions) {
    this.#options = options
    this.#addresses = options.addresses
    this.#turns = new SocketTurns(options.clock)
    this.#relay = new TurnRelay({ ...options, relayedAddresses: options.addresses })
    this.#relayed = new RelayedPorts({
      range: options.relayedPorts,
      random: options.random,
      logger: options.logger,
      open: (family, port) => this.#open({ family, port, address: this.#boundTo(family) }),
      watch: (allocation, port) =>
        this.#watch(port, (messages, now) => this.#burst?.fromPeers(allocation, { port, messages, now }) ?? false),
    })
    this.#streams = new RelayStreams({
      received: (source, messages) => this.#burst?.fromStream(source, messages, options.clock.now()),
      ended: (source) => this.#tell({ type: 'streamEnded', from: { listener: STREAM_LISTENER, source } }),
    })
  }

  /** UDP port of the first listening socket; undefined before the start. */
  get port(): number | undefined {
    const [first] = this.#listeners
    return first && this.#addon?.udpPort(first.port.handle)
  }

  get numbers(): RelayNumbers {
    const traffic = this.#burst?.traffic ?? { datagrams: 0, bytes: 0 }
    const dropped = this.#listeners.reduce(
      (sum, { port }) => sum + port.dropped,
      this.#relayed.dropped + this.#streams.dropped,
    )
    return {
      allocations: this.#relay.allocations,
      ...traffic,
      outcomes: {
        ...this.#relay.counters(),
        ...this.#drops.snapshot(),
        ...(dropped === 0 ? {} : { 'queue-full': dropped }),
      },
    }
  }

  /** Binds the listening sockets, without a family that this machine lacks. @throws OperatorError RELAY_LISTEN_FAILED */
  start(): void {
    const { listen, port, clock, logger } = this.#options
    const addon = loadAddon()
    this.#addon = addon
    this.#driven = drive(this.#relay, { clock, perform: (output) => this.#perform(output) })
    this.#burst = new RelayBurst({
      addon,
      relay: this.#relay,
      portOf: (allocation, { family }) => this.#relayed.of(allocation, family),
      clientPortOf: ({ client }) => this.#listeners[client.listener]?.port,
      onClientDatagram: (listener, source, bytes) =>
        this.#tell({ type: 'clientDatagramReceived', from: { listener, source }, bytes }),
      onPeerDatagram: (allocation, socket, from, bytes) => {
        const family = this.#relayed.familyOf(allocation, socket)
        if (family !== undefined) this.#tell({ type: 'peerDatagramReceived', allocation, family, from, bytes })
      },
      onRefused: (allocation, datagrams) => this.#tell({ type: 'dataRefused', allocation, datagrams }),
      sendToStream: ({ client }, bytes) => this.#streams.send(client.source, bytes),
    })
    const failures: unknown[] = []
    for (const address of listen) {
      try {
        this.#listen(address, port)
      } catch (error) {
        if (!WILDCARDS.has(address) || !LACKING.has(errorCode(error))) throw this.#cannotListen(address, error)
        failures.push(error)
      }
    }
    const [first] = this.#listeners
    if (first === undefined) throw this.#cannotListen(listen.join(' and '), failures[0])
    const granted = addon.udpBuffer(first.port.handle)
    if (granted < BUFFER_BYTES) logger.warn({ bytes: granted, wanted: BUFFER_BYTES }, SMALL_BUFFER)
    this.#watchAddresses()
    if (this.#options.serves === false) this.setServing(false)
  }

  stop(): void {
    this.#unwatch?.()
    this.#tell({ type: 'servingChanged', serves: false })
    this.#driven?.stop()
    for (const { port } of this.#listeners.splice(0)) port.close()
  }

  /** Sets the addresses at which peers reach relayed ports. */
  setAddresses(addresses: Partial<Record<Family, string>>): void {
    this.#addresses = addresses
    this.#tell({ type: 'relayedAddressesChanged', addresses })
  }

  /** Lets the relay serve, or ends all allocations and answers nobody. */
  setServing(serves: boolean): void {
    this.#tell({ type: 'servingChanged', serves })
  }

  /** Adds a client at the end of a stream, such as a WebSocket. */
  attachStream(stream: RelayStream): AttachedStream {
    return this.#streams.attach(stream)
  }

  #cannotListen(address: string, error: unknown): OperatorError {
    const { port, listenRemedy = LISTEN_REMEDY } = this.#options
    const said = error instanceof Error ? error.message : String(error)
    return new OperatorError(
      'RELAY_LISTEN_FAILED',
      `the relay cannot listen on ${address}, UDP port ${port}: ${said}.`,
      listenRemedy,
    )
  }

  #tell(input: TurnRelayInput): void {
    this.#driven?.dispatch(input)
  }

  #listen(address: string, port: number): void {
    const family = familyOf(address)
    const number = this.#listeners.length
    const opened = this.#open({ address, family, port })
    this.#listeners.push({ port: opened, number })
    this.#watch(opened, (messages, now) => this.#burst?.fromClients(number, { port: opened, messages, now }) ?? false)
  }

  #open(at: { address: string; family: Family; port: number }): RelayPort {
    const addon = loadAddon()
    return new RelayPort({
      addon,
      handle: openUdpPort(addon, at),
      ...this.#codecs[at.family],
      drops: this.#drops,
      onWaiting: (port) => this.#retryLater(port),
    })
  }

  /** Returns the address of a family that the relay listens on; relayed ports are opened on the same. */
  #boundTo(family: Family): string {
    return (
      this.#options.listen.find((address) => familyOf(address) === family) ?? (family === 'ipv4' ? '0.0.0.0' : '::')
    )
  }

  #watch(port: RelayPort, receive: (messages: number, now: Instant) => boolean): void {
    const { clock, logger } = this.#options
    const ready = this.#turns.add((messages) => {
      if (port.isClosed) return false
      try {
        return receive(messages, clock.now())
      } catch (error) {
        logger.warn({ error }, 'a socket of the relay failed and is closed')
        port.close()
        return false
      }
    })
    this.#addon?.watch(port.handle, ready)
  }

  #perform(output: TurnRelayOutput): void {
    switch (output.type) {
      case 'sendToClient': {
        const { listener, source } = output.to
        if (listener === STREAM_LISTENER) return this.#streams.send(source, output.bytes)
        return this.#listeners[listener]?.port.send(source as Endpoint, output.bytes)
      }
      case 'sendToPeer':
        return this.#relayed.of(output.allocation, output.family)?.send(output.to, output.bytes)
      case 'openPort':
        return this.#openRelayed(output)
      case 'closePort':
        this.#relayed.close(output.allocation, output.family)
        return this.#tellStream(output.allocation)
      case 'accountReachedLimit':
        return this.#options.logger.warn({ account: output.account }, REACHED[output.limit])
    }
  }

  /** Tells the stream of an allocation, if it has one, whether there is still a port. */
  #tellStream(allocation: Allocation): void {
    const { listener, source } = allocation.client
    if (listener === STREAM_LISTENER) this.#streams.allocationChanged(source, this.#relayed.has(allocation))
  }

  #openRelayed({ allocation, family, isEven }: TurnRelayOutput & { type: 'openPort' }): void {
    const address = this.#addresses[family]
    const relayed = address === undefined ? undefined : this.#relayed.open(allocation, { family, address, isEven })
    if (relayed === undefined) return this.#tell({ type: 'portFailed', allocation, family })
    this.#tellStream(allocation)
    this.#tell({ type: 'portOpened', allocation, family, relayed })
  }

  #retryLater(port: RelayPort): void {
    this.#waiting.add(port)
    if (this.#retrying) return
    this.#retrying = true
    const { clock } = this.#options
    clock.wake(after(clock.now(), RETRY_MS), () => {
      this.#retrying = false
      const ports = [...this.#waiting]
      this.#waiting.clear()
      for (const each of ports) if (each.retry()) this.#retryLater(each)
    })
  }

  #watchAddresses(): void {
    const { interfaces } = this.#options
    let known = ''
    const tell = (): void => {
      const addresses = interfaces.addresses('').map(({ address }) => canonicalAddress(address) ?? address)
      if (addresses.join() === known) return
      known = addresses.join()
      this.#tell({ type: 'ownAddressesChanged', addresses })
    }
    tell()
    this.#unwatch = interfaces.watch(tell)
  }
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
/** Codes of a machine without the address family. */
const LACKING: ReadonlySet<string> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'])
const REACHED: Readonly<Record<AccountLimit, string>> = {
  allocations:
    'an account has as many clients at the relay as it may have: further ones are answered 486 (per_account.max_allocations)',
  bandwidth:
    'an account sends more over the relay than it may: what is too much is dropped (per_account.mbit_per_second)',
}
const SMALL_BUFFER =
  'the kernel gives the relay smaller socket buffers than it asks for, so that bursts may be lost: set net.core.rmem_max and net.core.wmem_max to 4194304, or give it CAP_NET_ADMIN'

const codecOf = (family: Family) => ({
  encoder: new EndpointEncoder(family, REMEMBERED_ENDPOINTS),
  decoder: new EndpointDecoder(family, REMEMBERED_ENDPOINTS),
})

const familyOf = (address: string): Family => (address.includes(':') ? 'ipv6' : 'ipv4')

const LISTEN_REMEDY = 'Set `listen` and `port` of the relay to what is free on this machine.'
