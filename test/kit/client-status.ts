import type { ClientStatus, GatewayStatus } from '../../hosts/client/session/client-status.ts'
import type { PeerPath } from '../../hosts/peer/peer-path.ts'

/** Time at which the example of a client's status is taken. */
const AT = '2026-01-01T00:00:12.500Z'

/** Path of a peer that answers, directly. */
export const EXAMPLE_PATH: PeerPath = {
  path: '192.0.2.1:52625',
  path_kind: 'direct',
  relay: null,
  not_direct: null,
  round_trip_ms: 12.34,
  last_answer: AT,
  loss: null,
  sent_bytes: 1_234_567,
  received_bytes: 999,
  lost_at: null,
  mtu: 1_408,
  last_handshake: '2026-01-01T00:00:00.000Z',
}

/** Returns the status of a gateway, by default one that is reached directly. */
export const exampleGateway = (changes: Partial<GatewayStatus> = {}): GatewayStatus => ({
  id: 'g1',
  name: 'berlin-1',
  ...EXAMPLE_PATH,
  ...changes,
})

/** Returns the status of a client, by default one that is connected to a gateway and has no resource. */
export const exampleClientStatus = (changes: Partial<ClientStatus> = {}): ClientStatus => ({
  at: AT,
  state: 'connected',
  account: 'example',
  actor: 'Ada',
  portal: { url: 'ws://192.0.2.1/client/v2/websocket', problem: null },
  device_key: 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU',
  transport: { plugin: 'transport-wireguard', problem: null },
  problems: [],
  lane: 'native',
  lane_reason: 'sealed by OpenSSL’s EVP',
  reach: { udp: 'works', offers: [], stun: [], relays: [] },
  gateways: [exampleGateway()],
  resources: [],
  names: [],
  dns: { upstreams: ['192.0.2.53'], problems: [] },
  facts: [],
  plugin_metrics: [],
  dropped: {},
  ...changes,
})
