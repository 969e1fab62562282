import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Namespace } from '../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { echoPacket, isEcho } from './icmp-echo.ts'
import { hasMac2, isInitiation, OurEnd } from './our-end.ts'
import { WireGuardGo } from './wireguard-go.ts'

const OURS = { outer: '192.0.2.1', port: 51821, inner: '100.64.0.1' }
const THEIRS = { outer: '192.0.2.2', port: 51820, inner: '100.64.0.2' }
const OUR_ENDPOINT = `${OURS.outer}:${OURS.port}`
const THEIR_ENDPOINT = `${THEIRS.outer}:${THEIRS.port}`

describe('T9 the WireGuard transport and a real wireguard-go, at length', function () {
  needsKernel()
  this.timeout(300_000)
  const transport = new WireGuardTransport()
  const random = new SeededRandom('wireguard-go')
  const ours = transport.generateKeys(random)
  const theirs = transport.generateKeys(random)
  const presharedKey = random.bytes(32)
  let run: RunDirectory
  let wireGuardGo: WireGuardGo
  let there: Namespace
  let us: OurEnd

  beforeEach(async () => {
    run = await RunDirectory.open()
    const here = await Namespace.create(run, 'ours')
    there = await Namespace.create(run, 'theirs')
    await here.veth({ device: 'eth0', to: there, toDevice: 'eth0' })
    await here.address('eth0', `${OURS.outer}/24`)
    await there.address('eth0', `${THEIRS.outer}/24`)
    wireGuardGo = new WireGuardGo(there)
    await wireGuardGo.ready()
    us = new OurEnd(here)
    await us.open(ours.privateKey, OURS.port)
  })

  afterEach(async function () {
    const counters = await us.close()
    if (this.currentTest?.state === 'failed') {
      process.stderr.write(`${JSON.stringify(counters)}\n${wireGuardGo.log.slice(-4_000)}\n`)
    }
    await wireGuardGo.stop()
    await run.close()
  })

  const configure = async (options: { theyKnowWhere: boolean; psk?: Uint8Array }): Promise<void> => {
    await wireGuardGo.configure(
      { privateKey: theirs.privateKey, listenPort: THEIRS.port },
      {
        publicKey: ours.publicKey,
        presharedKey: options.psk ?? presharedKey,
        allowedIp: `${OURS.inner}/32`,
        ...(options.theyKnowWhere ? { endpoint: OUR_ENDPOINT } : {}),
      },
    )
    await there.address(wireGuardGo.device, `${THEIRS.inner}/24`)
    await there.ip(['link', 'set', wireGuardGo.device, 'up'])
    us.addPeer({
      publicKey: theirs.publicKey,
      presharedKey,
      ...(options.theyKnowWhere ? {} : { path: THEIR_ENDPOINT }),
    })
  }

  it('get a session while it is under load: it asks for a cookie, and gets it back', async () => {
    await configure({ theyKnowWhere: false })
    us.connect()
    await us.until('a session', () => us.established === 1)
    const first = us.sent.find(isInitiation) ?? new Uint8Array()
    const before = us.sent.length
    us.skipTime(200_000)
    // It counts as under load for a second after many handshake messages came at once; a replay with a right mac1 is enough.
    const flood = setInterval(() => us.flood(THEIR_ENDPOINT, first, 400), 100)
    try {
      await us.until('a cookie reply', () => us.received.has(3))
      us.connect()
      await us.until('a session in spite of the load', () => us.established === 2, 30_000)
    } finally {
      clearInterval(flood)
    }
    const initiations = us.sent.slice(before).filter(isInitiation)
    expect(initiations.slice(-1).map(hasMac2)).to.deep.equal([true])
    // What is left of the flood in its socket's buffer may still cost a packet.
    const echo = { sequence: 1, size: 64 }
    const request = echoPacket({ source: OURS.inner, destination: THEIRS.inner, ...echo })
    const pings = setInterval(() => us.send(request), 200)
    try {
      await us.packet('a reply', (packet) => isEcho(packet, 'reply', echo))
    } finally {
      clearInterval(pings)
    }
  })

  it('it renews the keys by itself after two minutes, while its pings go on', async () => {
    await configure({ theyKnowWhere: true })
    us.answerPings()
    const { stdout } = await there.run('ping', ['-i', '1', '-c', '150', '-W', '10', OURS.inner], { timeoutMs: 250_000 })
    expect(stdout).to.include('150 received')
    expect(us.established).to.equal(2)
  })
})
