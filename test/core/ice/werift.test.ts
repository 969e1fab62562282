import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { formatCandidate, hostCandidates } from '../../../core/ice/candidate.ts'
import type { IceRole } from '../../../core/ice/connectivity-check.ts'
import { IceAgents, type IceAgentsInput, type IceAgentsOutput } from '../../../core/ice/ice-agents.ts'
import { drive } from '../../../core/runtime/drive.ts'
import { endpoint, splitEndpoint } from '../../../core/runtime/endpoint.ts'
import { splitPath } from '../../../core/runtime/path.ts'
import { createClock } from '../../../hosts/runtime/index.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { startWerift, type WeriftPeer } from '../../kit/werift.ts'

/** Address that each end has for the other in candidates, where loopback would not be taken. */
const OUTSIDE = '192.0.2.1'
const LOOPBACK = '127.0.0.1'
const OWN = { username: 'zegv', password: 'czskz6fyfoa6bfv7sqx5ld' }

describe('an ICE agent and werift-ice, an agent of RFC 8445 that others wrote', function () {
  this.timeout(20_000)
  const ends: (() => void)[] = []
  afterEach(() => {
    for (const end of ends.splice(0)) end()
  })

  /** Runs the agent of this package on loopback, with werift-ice as its peer. */
  const meet = async (role: IceRole, peer: WeriftPeer) => {
    const socket = createSocket('udp4')
    socket.bind(0, LOOPBACK)
    await once(socket, 'listening')
    const agents = new IceAgents({ role, random: new SeededRandom(role), probes: [] })
    const events: string[] = []
    let watch = () => undefined as void
    const driven = drive<IceAgentsInput, IceAgentsOutput>(agents, {
      clock: createClock(),
      perform: (output) => {
        if (output.type !== 'sendDatagram') return void events.push(output.type)
        const to = splitEndpoint(splitPath(output.to).to)
        if (to !== undefined) socket.send(output.bytes, to.port, LOOPBACK)
      },
      settled: () => watch(),
    })
    const plain: string[] = []
    socket.on('message', (datagram, from) => {
      if ((datagram[0] ?? 0) > 3) plain.push(datagram.toString())
      else driven.dispatch({ type: 'datagramReceived', path: endpoint(OUTSIDE, from.port), datagram })
      watch()
    })
    ends.push(() => {
      driven.stop()
      socket.close()
    })
    const candidates = hostCandidates([OUTSIDE], { ipv4: socket.address().port })
    driven.dispatch({ type: 'localCandidatesChanged', candidates })
    driven.dispatch({ type: 'peerAdded', peer: 'werift', local: OWN, remote: peer.credentials })
    const theirs = peer.candidates.map((line) => line.replace(LOOPBACK, OUTSIDE))
    driven.dispatch({ type: 'remoteCandidatesAdded', peer: 'werift', candidates: theirs })
    const lines = candidates.map((candidate) => formatCandidate(candidate).replace(OUTSIDE, LOOPBACK))
    const until = (holds: () => boolean) =>
      new Promise<void>((resolve) => {
        watch = () => {
          if (holds()) resolve()
        }
        watch()
      })
    const send = (text: string) => {
      const to = splitEndpoint(agents.path('werift') ?? '')
      if (to !== undefined) socket.send(text, to.port, LOOPBACK)
    }
    return { agents, events, plain, lines, until, send }
  }

  for (const role of ['controlling', 'controlled'] as const) {
    it(`H6 the agent, ${role}, and werift-ice agree on a path, which carries data both ways`, async function () {
      const peer = await startWerift(this, { controls: role === 'controlled', address: LOOPBACK })
      ends.push(() => peer.close())
      const { agents, plain, lines, until, send } = await meet(role, peer)
      await peer.connect({ credentials: OWN, candidates: lines })
      await until(() => agents.path('werift') !== undefined)
      expect(agents.pathStatus('werift')).to.include({ kind: 'direct' })
      const heard = peer.nextData()
      send('to werift')
      expect(await heard).to.equal('to werift')
      await peer.send('from werift')
      await until(() => plain.includes('from werift'))
    })
  }
})
