// A client that sends whatever a test wants, as a process of its own in a namespace: the real transport, the real
// connectivity checks and the real control channel, without a packet engine that would keep it honest. Its parent talks
// to it over IPC.
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
import { forgedInitiation } from './forged-initiation.ts'

export type LiarCommand =
  | { type: 'join'; url: string; token: string; name: string; address: string }
  | { type: 'ask'; resourceId: string }
  /** Seals packets and sends them to the gateway that granted something. */
  | { type: 'send'; packets: readonly Uint8Array[] }
  /** Seals packets and reports the datagrams, without sending them. */
  | { type: 'seal'; packets: readonly Uint8Array[] }
  /** Sends datagrams past the transport, to the address of the last one. */
  | { type: 'sendRaw'; datagrams: readonly Uint8Array[] }
  /** Starts a handshake past the transport with its own private key, but claims this public key. */
  | { type: 'initiate'; claimed: Uint8Array; sender: number }

export type LiarReport =
  | { type: 'joined'; ipv4: string; ipv6: string; publicKey: Uint8Array }
  /** Any frame from the portal. */
  | { type: 'heard'; event: string }
  | { type: 'answered'; event: string; resourceId: string }
  | { type: 'packet'; packet: Uint8Array }
  | { type: 'sent'; datagram: Uint8Array }
  | { type: 'sealed'; datagram: Uint8Array }
  /** A handshake message that arrived, and the index of ours that it is for. */
  | { type: 'handshake'; kind: number; receiver: number }
  | { type: 'established' }

const HEARTBEAT_MS = 10_000

const report = (message: LiarReport): void => {
  // A parent that is closing does not read any more, which is no error.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

const join = async ({ url, token, name, address }: Extract<LiarCommand, { type: 'join' }>) => {
  const clock = createClock()
  const random = createRandom()
  const transport = new WireGuardTransport()
  const keys = transport.generateKeys(random)
  const pair = clock.pair()
  const tunnel = transport.createTunnel({ privateKey: keys.privateKey, random, unixAt: (now) => unixOf(now, pair) })
  const tunnels = new PeerTunnels({ role: 'controlling', random, tunnel })
  const locals = new LocalCandidates()
  const family = address.includes(':') ? 'ipv6' : 'ipv4'
  const socket = createSocket(family === 'ipv6' ? 'udp6' : 'udp4')
  await new Promise<void>((resolve) => socket.bind(0, address, resolve))
  locals.setPorts({ [family]: socket.address().port })
  locals.setAddresses([address])
  const { peer, init } = await ControlPeer.join({
    url,
    token,
    name,
    role: 'client',
    externalId: externalId(name),
    publicKey: toBase64(keys.publicKey),
  })
  setInterval(() => peer.send('heartbeat', {}, 'phoenix'), HEARTBEAT_MS)
  let gateway = ''
  let gatewayKey = new Uint8Array(32)
  let path = ''
  let isHolding = false
  const sendTo = (to: string, datagram: Uint8Array): void => {
    const split = splitEndpoint(to)
    if (split !== undefined) socket.send(datagram, split.port, split.address)
  }
  const driven = drive<PeerTunnelsInput, PeerTunnelsOutput>(tunnels, {
    clock,
    perform: (output) => {
      if (output.type === 'sendDatagram') {
        if (output.bytes[0] === 4 && output.bytes.length > 32) {
          path = output.to
          report({ type: isHolding ? 'sealed' : 'sent', datagram: output.bytes })
          if (isHolding) return
        }
        sendTo(output.to, output.bytes)
      } else if (output.type === 'flowsTold' && output.input.type === 'tunnelPacket')
        report({ type: 'packet', packet: output.input.packet })
      else if (output.type === 'sessionEstablished') report({ type: 'established' })
    },
  })
  socket.on('message', (datagram, from) => {
    const [kind = 0] = datagram
    if (kind >= 2 && kind <= 3 && datagram[1] === 0) {
      report({ type: 'handshake', kind, receiver: datagram.readUInt32LE(kind === 2 ? 8 : 4) })
    }
    driven.dispatch({ type: 'datagramReceived', path: endpoint(from.address, from.port), datagram })
  })
  driven.dispatch({ type: 'localCandidatesChanged', candidates: locals.candidates })
  const take = ({ event, payload }: PeerFrame): void => {
    report({ type: 'heard', event })
    if (event === 'ice_candidates') {
      driven.dispatch({ type: 'remoteCandidatesAdded', peer: payload.gateway_id, candidates: payload.candidates })
    } else if (event === 'authorization_created') {
      gateway = payload.gateway_id
      gatewayKey = new Uint8Array(keyFromBase64(payload.gateway_public_key) ?? [])
      driven.dispatch({
        type: 'peerAdded',
        peer: gateway,
        publicKey: gatewayKey,
        presharedKey: keyFromBase64(payload.preshared_key) ?? new Uint8Array(32),
        local: payload.client_ice_credentials,
        remote: payload.gateway_ice_credentials,
      })
      peer.send('new_gateway_ice_candidates', { gateway_id: gateway, candidates: locals.lines })
    }
    if (event.startsWith('authorization_')) report({ type: 'answered', event, resourceId: payload.resource_id })
  }
  peer.socket.on('message', () => {
    for (const frame of peer.frames.splice(0)) take(frame)
  })
  void peer.closed.then(({ code, reason }) => report({ type: 'heard', event: `its close: ${code} ${reason}` }))
  report({ type: 'joined', ipv4: init.interface.ipv4, ipv6: init.interface.ipv6, publicKey: keys.publicKey })
  return {
    ask: (resourceId: string) =>
      peer.send('request_authorization', {
        resource_id: resourceId,
        connected_gateway_ids: gateway === '' ? [] : [gateway],
      }),
    send: (packet: Uint8Array) => driven.dispatch({ type: 'packetQueued', peer: gateway, packet }),
    seal: (packet: Uint8Array) => {
      isHolding = true
      driven.dispatch({ type: 'packetQueued', peer: gateway, packet })
      isHolding = false
    },
    initiate: (claim: { claimed: Uint8Array; sender: number }) =>
      sendTo(
        path,
        forgedInitiation({
          receiver: gatewayKey,
          privateKey: keys.privateKey,
          ephemeral: random.bytes(32),
          ...claim,
        }),
      ),
    sendRaw: (datagram: Uint8Array) => sendTo(path, datagram),
  }
}

let liar: Awaited<ReturnType<typeof join>> | undefined
process.on('message', (command: LiarCommand) => {
  switch (command.type) {
    case 'join':
      void join(command).then((joined) => (liar = joined))
      return
    case 'ask':
      liar?.ask(command.resourceId)
      return
    case 'send':
      for (const packet of command.packets) liar?.send(packet)
      return
    case 'seal':
      for (const packet of command.packets) liar?.seal(packet)
      return
    case 'initiate':
      liar?.initiate(command)
      return
    case 'sendRaw':
      for (const datagram of command.datagrams) liar?.sendRaw(datagram)
  }
})
process.on('disconnect', () => process.exit())
