// A gateway that sends what a test tells it to, as a process of its own in a namespace: the real transport, the real connectivity
// checks and the real control channel, without a packet engine that would keep it honest. Its parent talks to it over IPC.
import { createSocket } from 'node:dgram'
import { externalId } from '../../../core/crypto/external-id.ts'
import { keyFromBase64, toBase64 } from '../../../core/crypto/text-encoding.ts'
import { LocalCandidates } from '../../../core/ice/local-candidates.ts'
import type { PeerTunnelsInput, PeerTunnelsOutput } from '../../../core/ice/peer-tunnels-messages.ts'
import { PeerTunnels } from '../../../core/ice/peer-tunnels.ts'
import { drive } from '../../../core/runtime/drive.ts'
import { endpoint, splitEndpoint } from '../../../core/runtime/endpoint.ts'
import { unixOf } from '../../../core/runtime/time.ts'
import { createClock, createRandom } from '../../../hosts/runtime/index.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { ControlPeer, type PeerFrame } from '../../kit/control-peer.ts'

export type HostileGatewayCommand =
  | { type: 'join'; url: string; token: string; name: string; address: string }
  /** Seals packets for the client that was granted something last, and sends them. */
  | { type: 'send'; packets: readonly Uint8Array[] }

export type HostileGatewayReport =
  | { type: 'joined' }
  /** A packet that came out of the client's tunnel. */
  | { type: 'packet'; packet: Uint8Array }

const HEARTBEAT_MS = 10_000

const report = (message: HostileGatewayReport): void => {
  // A parent that is closing does not read any more, which is no error.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

const join = async ({ url, token, name, address }: Extract<HostileGatewayCommand, { type: 'join' }>) => {
  const clock = createClock()
  const random = createRandom()
  const transport = new WireGuardTransport()
  const keys = transport.generateKeys(random)
  const pair = clock.pair()
  const tunnel = transport.createTunnel({ privateKey: keys.privateKey, random, unixAt: (now) => unixOf(now, pair) })
  const tunnels = new PeerTunnels({ role: 'controlled', random, tunnel })
  const locals = new LocalCandidates()
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, address, resolve))
  locals.setPorts({ ipv4: socket.address().port })
  locals.setAddresses([address])
  const { peer } = await ControlPeer.join({
    url,
    token,
    name,
    role: 'gateway',
    externalId: externalId(name),
    publicKey: toBase64(keys.publicKey),
  })
  setInterval(() => peer.send('heartbeat', {}, 'phoenix'), HEARTBEAT_MS)
  let client = ''
  const driven = drive<PeerTunnelsInput, PeerTunnelsOutput>(tunnels, {
    clock,
    perform: (output) => {
      if (output.type === 'sendDatagram') {
        const to = splitEndpoint(output.to)
        if (to !== undefined) socket.send(output.bytes, to.port, to.address)
      } else if (output.type === 'flowsTold' && output.input.type === 'tunnelPacket') {
        report({ type: 'packet', packet: output.input.packet })
      }
    },
  })
  socket.on('message', (datagram, from) => {
    driven.dispatch({ type: 'datagramReceived', path: endpoint(from.address, from.port), datagram })
  })
  driven.dispatch({ type: 'localCandidatesChanged', candidates: locals.candidates })
  const take = ({ event, payload }: PeerFrame): void => {
    if (event === 'ice_candidates') {
      driven.dispatch({ type: 'remoteCandidatesAdded', peer: payload.client_id, candidates: payload.candidates })
    } else if (event === 'create_authorization') {
      client = payload.client.id
      driven.dispatch({
        type: 'peerAdded',
        peer: client,
        publicKey: keyFromBase64(payload.client.public_key) ?? new Uint8Array(32),
        presharedKey: keyFromBase64(payload.client.preshared_key) ?? new Uint8Array(32),
        local: payload.gateway_ice_credentials,
        remote: payload.client_ice_credentials,
      })
      peer.send('authorization_created', { ref: payload.ref })
      peer.send('broadcast_ice_candidates', { client_ids: [client], candidates: locals.lines })
    }
  }
  peer.socket.on('message', () => {
    for (const frame of peer.frames.splice(0)) take(frame)
  })
  report({ type: 'joined' })
  return { send: (packet: Uint8Array) => driven.dispatch({ type: 'packetQueued', peer: client, packet }) }
}

let gateway: Awaited<ReturnType<typeof join>> | undefined
process.on('message', (command: HostileGatewayCommand) => {
  if (command.type === 'join') void join(command).then((joined) => (gateway = joined))
  else for (const packet of command.packets) gateway?.send(packet)
})
process.on('disconnect', () => process.exit())
