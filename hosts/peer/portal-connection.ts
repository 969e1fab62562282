import type { TunnelKeys } from '../../core/contract/tunnel-transport.ts'
import { connectRefusal, connectUrl, shownUrl } from '../../core/control/connect-request.ts'
import { DEVICE_PROOF_HEADER, deviceProof } from '../../core/control/device-proof.ts'
import { MAX_FRAME_FROM_PORTAL_CHARACTERS } from '../../core/control/frame.ts'
import type { Role } from '../../core/control/messages.ts'
import { problemOfFailure } from '../../core/control/portal-problem.ts'
import type { Ed25519PrivateKey } from '../../core/crypto/ed25519.ts'
import { formatProcess, PROCESS_HEADER } from '../../core/control/process-header.ts'
import { TRANSPORT_HEADER } from '../../core/control/transport-header.ts'
import { externalId } from '../../core/crypto/external-id.ts'
import { toBase64 } from '../../core/crypto/text-encoding.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import type { WebSocketConnection, WebSockets } from '../../core/runtime/web-socket.ts'
import type { PortalSocketInput } from './peer-messages.ts'

/** Identity of a peer towards its portal. */
export interface PeerIdentity {
  /** Id of the installation: a UUID, or any text of the configuration. */
  id: string
  name: string
  keys: TunnelKeys
  /** Name under which the plugin registered the tunnel transport that `keys` are for. */
  transport: string
  token: Secret
  /** Random text that tells this process from others, made by `newProcessId`. */
  process: string
  /** Device key of a client, by which the portal recognizes the device. */
  deviceKey?: Ed25519PrivateKey
  userAgent: string
  /** Whether the portal removes the row of a gateway soon after it has gone. */
  isEphemeral?: boolean
}

export interface PortalConnectionOptions<R extends Role> {
  role: R
  portalUrl: string
  identity: PeerIdentity
  /** SO_MARK of the connection's socket. */
  mark?: number
  ports: { webSockets: WebSockets; clock: Clock }
  /** Called with the connection's events. */
  tell: (input: PortalSocketInput<R>) => void
}

/** WebSocket connection to the portal. The peer's `PortalLink` decides when to open and close it and what to send. */
export class PortalConnection<R extends Role> {
  readonly #options: PortalConnectionOptions<R>
  #connection: WebSocketConnection | undefined
  #opened = 0

  constructor(options: PortalConnectionOptions<R>) {
    this.#options = options
  }

  open(): void {
    const { role, portalUrl, identity, mark, ports, tell } = this.#options
    const { id, name, keys, transport, token, userAgent, isEphemeral = false } = identity
    const { webSockets, clock } = ports
    const url = shownUrl({ role, portalUrl })
    this.#connection = webSockets.connect(
      {
        url: connectUrl({ role, portalUrl, id, name, publicKey: toBase64(keys.publicKey), isEphemeral }),
        headers: {
          'X-Authorization': `Bearer ${token.reveal()}`,
          'User-Agent': userAgent,
          [TRANSPORT_HEADER]: transport,
          [PROCESS_HEADER]: formatProcess({ id: identity.process, number: ++this.#opened }),
          ...this.#proof(),
        },
        ...(mark === undefined ? {} : { mark }),
        maxBytes: MAX_FRAME_FROM_PORTAL_CHARACTERS,
      },
      {
        opened: () => tell({ type: 'connectionOpened' }),
        received: (text) => tell({ type: 'frameReceived', text }),
        refused: (refusal) => tell(connectRefusal(refusal, { url, now: clock.unix() })),
        closed: (failure) => tell({ type: 'connectionClosed', problem: problemOfFailure(failure, { url }) }),
      },
    )
  }

  /** Returns the header with the device's signature, made anew for each connect, as it includes the time. */
  #proof(): Readonly<Record<string, string>> {
    const { role, identity, ports } = this.#options
    const { id, keys, token, deviceKey } = identity
    if (deviceKey === undefined) return {}
    const publicKey = toBase64(keys.publicKey)
    const connect = { role, externalId: externalId(id), publicKey, token: token.reveal() }
    return { [DEVICE_PROOF_HEADER]: deviceProof(deviceKey, connect, ports.clock.unix()) }
  }

  send(text: string): void {
    this.#connection?.send(text)
  }

  close(): void {
    this.#connection?.close()
  }
}
