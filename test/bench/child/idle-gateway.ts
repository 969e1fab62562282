// A gateway's tunnels and flows in a process of their own: takes peers and datagrams, answers with datagrams, and
// reports its memory when asked. With the argument `native` there is a lane that seals, whose part is here as well.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import type { PeerId } from '../../../core/contract/tunnel-transport.ts'
import { GatewayFlows } from '../../../core/flow/gateway/gateway-flows.ts'
import { LocalCandidates } from '../../../core/ice/local-candidates.ts'
import type { PeerSecrets, PeerTunnelsOutput } from '../../../core/ice/peer-tunnels-messages.ts'
import { PeerTunnels } from '../../../core/ice/peer-tunnels.ts'
import { DEFAULT_MTU } from '../../../core/runtime/mtu.ts'
import { splitPath } from '../../../core/runtime/path.ts'
import { instant, unixTime, type Instant } from '../../../core/runtime/time.ts'
import { LaneSessions } from '../../../hosts/runtime/lane/lane-sessions.ts'
import { SessionTraffic } from '../../../hosts/runtime/lane/session-traffic.ts'
import { loadAddon } from '../../../hosts/runtime/native/addon.ts'
import { parseMessage } from '../../../plugins/transport-wireguard/messages.ts'
import { WireGuardTransport } from '../../../plugins/transport-wireguard/wireguard-transport.ts'
import { cidr, GATEWAY } from '../../kit/flow-bench.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

export interface IdlePeer extends PeerSecrets {
  peer: PeerId
  ipv4: string
  ipv6: string
  candidates: string[]
}

export interface Sent {
  path: Endpoint
  datagram: Uint8Array
}

export type Told =
  | { type: 'peers'; now: number; peers: IdlePeer[] }
  | { type: 'datagrams'; now: number; datagrams: Sent[] }
  | { type: 'measure' }

export type Said =
  | { type: 'ready'; publicKey: Uint8Array; candidates: string[] }
  | { type: 'datagrams'; datagrams: Sent[] }
  | { type: 'memory'; rss: number; heap: number; external: number; sessions: number }

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const random = new SeededRandom('idle gateway')
const isNative = process.argv[2] === 'native'
const transport = new WireGuardTransport({ load: { arrived: () => false } })
const keys = transport.generateKeys(random)
const unixAt = (now: Instant) => unixTime(Date.UTC(2026, 0, 5) + now)
const tunnel = transport.createTunnel({ privateKey: keys.privateKey, random, unixAt, exportsKeys: isNative })
const tunnels = new PeerTunnels({ role: 'controlled', random, tunnel, mtu: DEFAULT_MTU })
const flows = new GatewayFlows()
const locals = new LocalCandidates()
locals.setPorts({ ipv4: 52_625 })
locals.setAddresses(['192.0.2.1'])
tunnels.handle({ type: 'localCandidatesChanged', candidates: locals.candidates }, instant(0))
flows.handle({ type: 'interfaceConfigured', ...GATEWAY }, instant(0))
const addon = isNative ? loadAddon() : undefined
const lane = addon?.createLane()
const laneSessions = new LaneSessions()
const laneTraffic = new SessionTraffic()
let sessions = 0
let sent: Sent[] = []

const drain = (): void => {
  for (let output = tunnels.poll(); output !== undefined; output = tunnels.poll()) carryOut(output)
  while (flows.poll() !== undefined);
}

const carryOut = (output: PeerTunnelsOutput): void => {
  if (output.type === 'sendDatagram') sent.push({ path: splitPath(output.to).to, datagram: output.bytes })
  else if (output.type === 'sessionEstablished') sessions++
  else if (output.type === 'keysExported' && output.output.type === 'installKeys' && lane !== undefined) {
    const { peer, keys } = output.output
    const { index, remoteIndex, sendKey, receiveKey, expiresAt } = keys
    const handle = laneSessions.add({ peer, index })
    laneTraffic.begin(handle, { peer: flows.numbers.find(peer) ?? 0, expiresAt })
    addon?.installKeys(lane, new Uint32Array([index, remoteIndex, handle]), sendKey, receiveKey, expiresAt)
  }
}

const receive = ({ path, datagram }: Sent, now: Instant): void => {
  const message = isNative ? parseMessage(datagram) : undefined
  if (message?.type !== 'data') return tunnels.handle({ type: 'datagramReceived', path, datagram }, now)
  // Reports traffic in place of the lane, which would have opened the message.
  const session = laneSessions.at(laneSessions.find(message.receiver) ?? -1)
  if (session === undefined) throw new Error('a message of no session')
  const { peer, index } = session
  const received = { packets: 0, keepalives: 1, bytes: 0 }
  tunnels.handle(
    { type: 'trafficSeen', peer, index, sent: { packets: 0, bytes: 0 }, received, endedSending: false, path },
    now,
  )
}

const add = ({ candidates, ipv4, ipv6, ...added }: IdlePeer, now: Instant): void => {
  const { peer } = added
  tunnels.handle({ type: 'peerAdded', ...added }, now)
  tunnels.handle({ type: 'remoteCandidatesAdded', peer, candidates }, now)
  flows.handle({ type: 'peerAdded', peer, ipv4, ipv6 }, now)
  flows.handle({ type: 'granted', peer, resource: cidr('net', '192.0.2.0/24') }, now)
}

const say = (said: Said): void => void process.send?.(said)

process.on('message', (told: Told) => {
  if (told.type === 'measure') {
    collectGarbage()
    collectGarbage()
    const { rss, heapUsed, external } = process.memoryUsage()
    return say({ type: 'memory', rss, heap: heapUsed, external, sessions })
  }
  const now = instant(told.now)
  tunnels.wake(now)
  if (told.type === 'peers') for (const peer of told.peers) add(peer, now)
  else for (const one of told.datagrams) receive(one, now)
  drain()
  say({ type: 'datagrams', datagrams: sent })
  sent = []
})
process.on('disconnect', () => process.exit(0))
say({ type: 'ready', publicKey: keys.publicKey, candidates: locals.lines })
