import type { RelayProvider } from '../../core/contract/relay-provider.ts'
import { stampedRelayCredentials, stampedRelayPassword } from '../../core/crypto/relay-credentials.ts'
import { parsePrefix } from '../../core/net/prefix.ts'
import type { DatagramSocket } from '../../core/runtime/datagram-socket.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import { endpoint, type Endpoint, type Family } from '../../core/runtime/endpoint.ts'
import { SECOND } from '../../core/runtime/time.ts'
import type { Allocation } from '../../core/turn/allocation.ts'
import { TurnRelay } from '../../core/turn/turn-relay.ts'
import type { TurnRelayInput, TurnRelayOutput } from '../../core/turn/turn-relay-messages.ts'
import type { PresentRelay } from '../../hosts/portal/decide/relay-choice.ts'
import { SeededRandom } from './seeded-random.ts'
import type { VirtualHost, VirtualNetwork } from './virtual-network.ts'

const RELAY_PORT = 3478
const PORTS = { first: 49_152, last: 65_535 }
const STAMP_SECRET = 'example-relay-stamp-secret'
/** Networks of the virtual world, which are none of the Internet's. */
const PERMITTED = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32']

/** A relay on a machine of the virtual network. */
export class VirtualRelay {
  readonly host: VirtualHost
  readonly relay: PresentRelay
  readonly machine: TurnRelay
  /** Datagrams sent to peers and clients, and handed over within. */
  relayed = 0
  readonly #driven: Driven<TurnRelayInput>
  readonly #doors = new Map<Family, DatagramSocket>()
  readonly #ports = new Map<string, DatagramSocket>()
  #nextPort = PORTS.first

  constructor(network: VirtualNetwork, { host, id, name }: { host: VirtualHost; id: string; name: string }) {
    this.host = host
    const { clock } = network
    const relayedAddresses = Object.fromEntries(
      FAMILIES.flatMap((family) => {
        const address = host.address(family)
        return address === undefined ? [] : [[family, address]]
      }),
    )
    this.machine = new TurnRelay({
      random: new SeededRandom(`relay ${name}`),
      passwordOf: (username) => stampedRelayPassword({ username, stampSecret: STAMP_SECRET }),
      relayedAddresses,
      relayedPorts: PORTS,
      permittedPeers: PERMITTED.flatMap((text) => parsePrefix(text) ?? []),
    })
    this.#driven = drive<TurnRelayInput, TurnRelayOutput>(this.machine, {
      clock,
      perform: (output) => this.#perform(output),
    })
    const endpoints: Endpoint[] = []
    for (const family of FAMILIES) {
      const address = host.address(family)
      if (address === undefined) continue
      endpoints.push(endpoint(address, RELAY_PORT))
      this.#doors.set(family, this.#openDoor(family))
    }
    this.relay = { id, provider: 'virtual', name, endpoints }
  }

  #openDoor(family: Family): DatagramSocket {
    const listener = FAMILIES.indexOf(family)
    return this.host.bind({
      family,
      port: RELAY_PORT,
      onError: () => undefined,
      onBatch: (batch) => {
        for (const { from: source, bytes } of batch) {
          this.#driven.dispatch({ type: 'clientDatagramReceived', from: { listener, source }, bytes })
        }
      },
    })
  }

  #perform(output: TurnRelayOutput): void {
    switch (output.type) {
      case 'sendToClient':
        this.relayed++
        this.#doors
          .get(FAMILIES[output.to.listener] ?? 'ipv4')
          ?.send([{ to: output.to.source as Endpoint, bytes: output.bytes }])
        return
      case 'sendToPeer':
        this.relayed++
        this.#ports.get(keyOf(output))?.send([output])
        return
      case 'openPort':
        return this.#openPort(output)
      case 'closePort':
        void this.#ports.get(keyOf(output))?.close()
        this.#ports.delete(keyOf(output))
        return
      case 'accountReachedLimit':
    }
  }

  #openPort({ allocation, family }: { allocation: Allocation; family: Family }): void {
    const socket = this.host.bind({
      family,
      port: this.#nextPort++,
      onError: () => undefined,
      onBatch: (batch) => {
        for (const { from, bytes } of batch) {
          this.#driven.dispatch({ type: 'peerDatagramReceived', allocation, family, from, bytes })
        }
      },
    })
    this.#ports.set(keyOf({ allocation, family }), socket)
    const relayed = endpoint(this.host.address(family) ?? '', socket.port)
    this.#driven.dispatch({ type: 'portOpened', allocation, family, relayed })
  }
}

/** Provider of all virtual relays, as far as the portal's machine asks it. */
export const virtualRelays: RelayProvider = {
  relays: () => [],
  credentials: ({ publicKey, expiresAt }) =>
    stampedRelayCredentials({ publicKey, expiry: Math.floor(expiresAt / SECOND), stampSecret: STAMP_SECRET }),
}

const FAMILIES = ['ipv4', 'ipv6'] as const
const keyOf = ({ allocation, family }: { allocation: Allocation; family: Family }): string =>
  `${allocation.id} ${family}`
