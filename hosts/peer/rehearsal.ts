// A first connection in memory, when a peer starts. JavaScript is compiled at its first call, and slow until it has run
// a few times: without this, half of what a first packet waits for would be that.
import type { Tunnel, TunnelKeys, TunnelTransport } from '../../core/contract/tunnel-transport.ts'
import { wireName } from '../../core/control/events.ts'
import { decodeFrame, encodeFrame, MAX_FRAME_FROM_PORTAL_CHARACTERS, okReply } from '../../core/control/frame.ts'
import type { FromPortal, Role } from '../../core/control/messages.ts'
import { toBase64 } from '../../core/crypto/text-encoding.ts'
import { formatCandidate, hostCandidates } from '../../core/ice/candidate.ts'
import { PeerTunnels } from '../../core/ice/peer-tunnels.ts'
import type { LaneCommand } from '../../core/flow/lane.ts'
import { createdTunnel, generatedKeys } from '../../core/plugin/generated-keys.ts'
import { endpoint } from '../../core/runtime/endpoint.ts'
import type { Machine } from '../../core/runtime/machine.ts'
import type { Random } from '../../core/runtime/random.ts'
import { instant, unixTime } from '../../core/runtime/time.ts'
import type { FlowsOf, PeerInput } from './peer-messages.ts'

/** Machine of a peer; its further outputs are not carried out. */
type RehearsedMachine<R extends Role> = Pick<Machine<PeerInput<R>, { type: string }>, 'handle' | 'wake' | 'poll'>

/** Parts of a peer that its rehearsal uses. */
export interface RehearsalPorts {
  transport: TunnelTransport
  random: Random
  /** Whether a lane encrypts packets with keys that the tunnel exports. */
  exportsKeys: boolean
  /** MTU of the tunnel device in bytes. */
  mtu: number
}

export interface RehearsalOptions<R extends Role> extends RehearsalPorts {
  role: R
  /** Creates a machine as the peer's own, with a tunnel of its own. */
  machine: (tunnel: Tunnel) => RehearsedMachine<R>
  /** Inputs that lead to the first connection, once the machine has joined the portal. */
  beginning: readonly PeerInput<R>[]
  /** Inputs in answer to what the machine tells a lane's worker. */
  fromWorker: (command: LaneCommand<FlowsOf[R]['input']>) => readonly PeerInput<R>[]
}

/** Id of the resource, and of the peer at the other end. */
export const REHEARSED = { resource: '00000000-0000-4000-8000-000000000001', peer: '00000000-0000-4000-8000-000000000002' } // prettier-ignore

const PORT = 52_625
const ADDRESSES = { own: '192.0.2.1', other: '192.0.2.2' } as const
const OTHER = endpoint(ADDRESSES.other, PORT)
const OWN = endpoint(ADDRESSES.own, PORT)
const SECRETS = {
  preshared_key: toBase64(new Uint8Array(32)),
  client_ice_credentials: { username: 'aaaa', password: 'a'.repeat(22) },
  gateway_ice_credentials: { username: 'bbbb', password: 'b'.repeat(22) },
} as const
const FLOW_LOGS = { api_url: 'https://portal.example.org', upload_interval_secs: 0, upload_batch_size: 0 }
/** Steps that the connection takes, and probing its path. */
const STEPS = 6

/**
 * Connects a machine of its own to an end of its own, through a portal that is made up. Nothing leaves the process, and
 * nothing is kept. Returns whether they connected.
 */
export const rehearse = <R extends Role>(options: RehearsalOptions<R>): boolean => {
  const { role, transport, random, exportsKeys, machine: create, beginning, fromWorker } = options
  const keys = { own: generatedKeys(transport, random), other: generatedKeys(transport, random) }
  const tunnelOf = ({ privateKey }: TunnelKeys, exports: boolean): Tunnel =>
    createdTunnel(transport, { privateKey, random, exportsKeys: exports, unixAt: () => unixTime(0) })
  const machine = create(tunnelOf(keys.own, exportsKeys))
  const iceRole = role === 'client' ? 'controlled' : 'controlling'
  const other = new PeerTunnels({ role: iceRole, random, tunnel: tunnelOf(keys.other, false), mtu: options.mtu })
  const script = portalScript(role, toBase64(keys.other.publicKey))
  let isConnected = false
  const inputs: PeerInput<R>[] = [
    { type: 'socketsOpened', ports: { ipv4: PORT } },
    { type: 'addressesChanged', addresses: [ADDRESSES.own] },
    { type: 'started' },
  ]
  const say = (text: string): void => void inputs.push({ type: 'frameReceived', text })
  const perform = (output: { type: string }): void => {
    if (!isPerformed<R>(output)) return
    switch (output.type) {
      case 'openConnection':
        inputs.push({ type: 'connectionOpened' })
        return
      case 'sendText': {
        const decoded = decodeFrame(output.text, MAX_FRAME_FROM_PORTAL_CHARACTERS)
        if (!decoded.ok) return
        const { topic, event, ref } = decoded.frame
        if (event === 'phx_join') {
          say(encodeFrame(okReply(topic, ref)))
          for (const frame of script.joined) say(frame)
          inputs.push(...beginning)
        }
        if (event === 'request_authorization') for (const frame of script.granted) say(frame)
        return
      }
      case 'sendDatagram':
        other.handle({ type: 'datagramReceived', path: OWN, datagram: output.bytes }, instant(now))
        return
      case 'tellWorker':
        // A gateway as the other end would hear of it by the client's first packet, which only a worker encrypts.
        isConnected ||= output.command.type === 'tellFlows' && output.command.input.type === 'connected'
        inputs.push(...fromWorker(output.command))
    }
  }
  let now = 0
  const own = hostCandidates([ADDRESSES.other], { ipv4: PORT })
  other.handle({ type: 'localCandidatesChanged', candidates: own }, instant(now))
  const { client_ice_credentials: client, gateway_ice_credentials: gateway } = SECRETS
  const [local, remote] = role === 'client' ? [gateway, client] : [client, gateway]
  const presharedKey = new Uint8Array(32)
  const peer = REHEARSED.peer
  other.handle({ type: 'peerAdded', peer, publicKey: keys.own.publicKey, presharedKey, local, remote }, instant(now))
  const candidates = hostCandidates([ADDRESSES.own], { ipv4: PORT }).map(formatCandidate)
  const poll = (): void => {
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) perform(output)
    for (let output = other.poll(); output !== undefined; output = other.poll()) {
      isConnected ||= output.type === 'sessionEstablished'
      if (output.type !== 'sendDatagram') continue
      inputs.push({ type: 'datagramsReceived', datagrams: [{ from: OTHER, bytes: output.bytes }] })
    }
  }
  for (let step = 0; step < STEPS; step++) {
    now += 1
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      machine.handle(input, instant(now))
      poll()
    }
    // Only then does the machine know the other end, whose checks and handshake it would drop before.
    if (step === 0) other.handle({ type: 'remoteCandidatesAdded', peer, candidates }, instant(now))
    for (const one of [machine, other]) one.wake(instant(now))
    poll()
  }
  return isConnected
}

/** Report of a lane about the first packets of the rehearsed tunnel. */
export const firstTraffic = (index: number) =>
  ({
    type: 'trafficSeen',
    peer: REHEARSED.peer,
    index,
    sent: { packets: 1, bytes: 60 },
    received: { packets: 1, keepalives: 0, bytes: 60 },
    endedSending: false,
    path: undefined,
  }) as const

/** Outputs of a machine that are carried out. */
type Performed<R extends Role> =
  | { type: 'openConnection' }
  | { type: 'sendText'; text: string }
  | { type: 'sendDatagram'; bytes: Uint8Array }
  | { type: 'tellWorker'; command: LaneCommand<FlowsOf[R]['input']> }

const isPerformed = <R extends Role>(output: { type: string }): output is Performed<R> =>
  ['openConnection', 'sendText', 'sendDatagram', 'tellWorker'].includes(output.type)

/** Frames of a portal with one resource and one other peer: those after the join, and the answer to a request. */
const portalScript = (role: Role, otherKey: string): { joined: string[]; granted: string[] } => {
  const [own, other] = [
    { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' },
    { ipv4: '100.64.0.2', ipv6: 'fd00:2021:1111::2' },
  ]
  const { resource, peer } = REHEARSED
  const candidates = hostCandidates([ADDRESSES.other], { ipv4: PORT }).map(formatCandidate)
  const described = { id: resource, type: 'cidr' as const, name: 'rehearsal', address: '192.0.2.3/32', filters: [] }
  const flow_logs_ingest_token = ''
  if (role === 'client') {
    const site = { id: REHEARSED.peer, name: 'rehearsal' }
    return {
      joined: [
        clientFrame({
          event: 'init',
          payload: { interface: own, flow_logs: FLOW_LOGS, resources: [{ ...described, sites: [site] }] },
        }),
      ],
      granted: [
        clientFrame({
          event: 'authorizationCreated',
          payload: {
            resource_id: resource,
            gateway_id: peer,
            gateway_public_key: otherKey,
            gateway_ipv4: other.ipv4,
            gateway_ipv6: other.ipv6,
            site_id: site.id,
            ...SECRETS,
            flow_logs_ingest_token,
          },
        }),
        clientFrame({ event: 'iceCandidates', payload: { gateway_id: peer, candidates } }),
      ],
    }
  }
  return {
    joined: [
      gatewayFrame({
        event: 'init',
        payload: {
          interface: own,
          config: { ipv4_masquerade_enabled: true, ipv6_masquerade_enabled: true },
          flow_logs: FLOW_LOGS,
          authorizations: [],
        },
      }),
      gatewayFrame({
        event: 'createAuthorization',
        payload: {
          ref: 'rehearsal',
          resource: described,
          client: { id: peer, public_key: otherKey, preshared_key: SECRETS.preshared_key, ...other },
          client_ice_credentials: SECRETS.client_ice_credentials,
          gateway_ice_credentials: SECRETS.gateway_ice_credentials,
          expires_at: null,
          flow_logs_ingest_token,
        },
      }),
      gatewayFrame({ event: 'iceCandidates', payload: { client_id: peer, candidates } }),
    ],
    granted: [],
  }
}

const clientFrame = ({ event, payload }: FromPortal<'client'>): string => {
  const name = wireName({ role: 'client', direction: 'fromPortal', dialect: 'v2' }, event) ?? event
  return encodeFrame({ topic: 'client', event: name, payload, ref: null })
}

const gatewayFrame = ({ event, payload }: FromPortal<'gateway'>): string => {
  const name = wireName({ role: 'gateway', direction: 'fromPortal', dialect: 'v2' }, event) ?? event
  return encodeFrame({ topic: 'gateway', event: name, payload, ref: null })
}
