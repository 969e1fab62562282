import type { TunnelKeys } from '../../core/contract/tunnel-transport.ts'
import { connectRefusal, connectUrl, shownUrl } from '../../core/control/connect-request.ts'
import { DEVICE_PROOF_HEADER, deviceProof } from '../../core/control/device-proof.ts'
import { MAX_FRAME_FROM_PORTAL_CHARACTERS } from '../../core/control/frame.ts'
import type { Role } from '../../core/control/messages.ts'
import { problemOfFailure } from '../../core/control/portal-problem.ts'
import type { Ed25519PrivateKey } from '../../core/crypto/ed25519.ts'
import { TRANSPORT_HEADER } from '../../core/control/transport-header.ts'
import { externalId } from '../../core/crypto/external-id.ts'
import { toBase64 } from '../../core/crypto/text-encoding.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import type { WebSocketConnection, WebSockets } from '../../core/runtime/web-socket.ts'
import type { PortalSocketInput } from './peer-messages.ts'

/** Identity of a peer towards its portal. */
export interface PeerIdentity {
  /** A UUID, or any text. */
  id: string
  name: string
  keys: TunnelKeys
  /** Key of the tunnel transport that the keys are of. */
  transport: string
  token: Secret
  /** A client's own key, by which the portal knows the device again. */
  deviceKey?: Ed25519PrivateKey
  userAgent: string
}

export interface PortalConnectionOptions<R extends Role> {
  role: R
  portalUrl: string
  identity: PeerIdentity
  /** SO_MARK of its socket. */
  mark?: number
  ports: { webSockets: WebSockets; clock: Clock }
  /** Hears what becomes of it. */
  tell: (input: PortalSocketInput<R>) => void
}

/** The socket under a peer's `PortalLink`, which says when to open it, what to send and when to close it. */
export class PortalConnection<R extends Role> {
  readonly #options: PortalConnectionOptions<R>
  #connection: WebSocketConnection | undefined

  constructor(options: PortalConnectionOptions<R>) {
    this.#options = options
  }

  open(): void {
    const { role, portalUrl, identity, mark, ports, tell } = this.#options
    const { id, name, keys, transport, token, userAgent } = identity
    const { webSockets, clock } = ports
    const url = shownUrl({ role, portalUrl })
    this.#connection = webSockets.connect(
      {
        url: connectUrl({ role, portalUrl, id, name, publicKey: toBase64(keys.publicKey) }),
        headers: {
          'X-Authorization': `Bearer ${token.reveal()}`,
          'User-Agent': userAgent,
          [TRANSPORT_HEADER]: transport,
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

  /** Signed anew for each connect: a proof is of its time. */
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
