import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Namespace } from '../../hosts/lab/namespace.ts'
import { RunDirectory } from '../../hosts/lab/run-directory.ts'
import { WireGuardTransport } from '../../plugins/transport-wireguard/wireguard-transport.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { echoPacket, isEcho, type Echo } from './icmp-echo.ts'
import { OurEnd } from './our-end.ts'
import { WireGuardGo } from './wireguard-go.ts'

const OURS = { outer: '192.0.2.1', port: 51821, inner: '100.64.0.1' }
const THEIRS = { outer: '192.0.2.2', port: 51820, inner: '100.64.0.2' }
const OUR_ENDPOINT = `${OURS.outer}:${OURS.port}`
/** Every fifth datagram of each direction is lost. */
const LOSS = `
table inet loss {
  chain input { type filter hook input priority 0; udp dport 51820 numgen random mod 5 0 drop; }
  chain output { type filter hook output priority 0; udp sport 51820 numgen random mod 5 0 drop; }
}
`
const THEIR_ENDPOINT = `${THEIRS.outer}:${THEIRS.port}`

describe('T9 the WireGuard transport and a real wireguard-go', function () {
  needsKernel()
  this.timeout(60_000)
  const transport = new WireGuardTransport()
  const random = new SeededRandom('wireguard-go')
  const ours = transport.generateKeys(random)
  const theirs = transport.generateKeys(random)
  const presharedKey = random.bytes(32)
  let run: RunDirectory
  let wireGuardGo: WireGuardGo
  let there: Namespace
  let us: OurEnd
  let here: Namespace

  beforeEach(async () => {
    run = await RunDirectory.open()
    here = await Namespace.create(run, 'ours')
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

  const ping = async (echo: Echo): Promise<void> => {
    us.send(echoPacket({ source: OURS.inner, destination: THEIRS.inner, ...echo }))
    await us.packet(`the reply to ${echo.sequence}`, (packet) => isEcho(packet, 'reply', echo))
  }

  const theirPings = async (): Promise<void> => {
    const { code, stdout } = await there.run('ping', ['-c', '5', '-i', '0.05', '-W', '5', '-s', '1200', OURS.inner])
    expect(code, stdout).to.equal(0)
    expect(stdout).to.include('5 packets transmitted, 5 received')
  }

  it('get a session that we begin, and its kernel answers pings of every size through it', async () => {
    await configure({ theyKnowWhere: false })
    for (const [sequence, size] of [0, 1, 15, 16, 17, 100, 1000, 1372, 1392].entries()) await ping({ sequence, size })
    expect(us.established).to.equal(1)
    expect((await wireGuardGo.state()).get('endpoint')).to.equal(OUR_ENDPOINT)
  })

  it('get a session that it begins, and we answer its pings', async () => {
    await configure({ theyKnowWhere: true })
    us.answerPings()
    await theirPings()
    expect(us.established).to.equal(1)
  })

  it('get through when both begin at once', async () => {
    await configure({ theyKnowWhere: true })
    us.choosePath(THEIR_ENDPOINT)
    us.answerPings()
    const theirPing = there.run('ping', ['-c', '8', '-i', '0.2', '-W', '10', OURS.inner])
    await ping({ sequence: 1, size: 64 })
    const { stdout } = await theirPing
    expect(stdout).to.include('8 received')
  })

  it('change keys after two minutes, and again after the keys expired, while traffic goes on', async () => {
    await configure({ theyKnowWhere: false })
    us.answerPings()
    await ping({ sequence: 1, size: 64 })
    // Our clocks jump, its do not: every handshake that follows is one that it agreed to.
    await theirPings()
    us.skipTime(121_000)
    await ping({ sequence: 2, size: 64 })
    await us.until('the second session', () => us.established === 2)
    await ping({ sequence: 3, size: 64 })
    await theirPings()
    us.skipTime(200_000)
    await ping({ sequence: 4, size: 64 })
    expect(us.established).to.equal(3)
  })

  it('go on after our end was restarted with the same keys', async () => {
    await configure({ theyKnowWhere: false })
    await ping({ sequence: 1, size: 64 })
    await us.restart(ours.privateKey, OURS.port + 1)
    us.addPeer({ publicKey: theirs.publicKey, presharedKey, path: THEIR_ENDPOINT })
    await ping({ sequence: 2, size: 64 })
    expect((await wireGuardGo.state()).get('endpoint')).to.equal(`${OURS.outer}:${OURS.port + 1}`)
  })

  it('get no session with another pre-shared key', async () => {
    await configure({ theyKnowWhere: false, psk: new Uint8Array(32).fill(1) })
    us.send(echoPacket({ source: OURS.inner, destination: THEIRS.inner, sequence: 1, size: 10 }))
    await us.until('its response', () => us.received.has(2))
    expect((await us.close())['wrong_key']).to.equal(1)
    expect(us.established).to.equal(0)
  })

  it('go on when our address changes, and when its port does', async () => {
    await configure({ theyKnowWhere: false })
    us.answerPings()
    await ping({ sequence: 1, size: 64 })
    await here.ip(['address', 'del', `${OURS.outer}/24`, 'dev', 'eth0'])
    await here.address('eth0', '192.0.2.11/24')
    await ping({ sequence: 2, size: 64 })
    expect((await wireGuardGo.state()).get('endpoint')).to.equal(`192.0.2.11:${OURS.port}`)
    await wireGuardGo.moveTo(51_830)
    // It speaks first, so that we hear where it is.
    await theirPings()
    await ping({ sequence: 3, size: 64 })
    expect(us.established).to.equal(1)
  })

  it('get a session and every packet through loss of a fifth in each direction', async () => {
    await there.mustRun('nft', ['-f', '-'], { input: LOSS })
    await configure({ theyKnowWhere: false })
    for (let sequence = 1; sequence <= 20; sequence++) {
      us.send(echoPacket({ source: OURS.inner, destination: THEIRS.inner, sequence, size: 100 }))
    }
    // One that is lost is sent again, as an application would.
    const again = setInterval(() => {
      for (let sequence = 1; sequence <= 20; sequence++) {
        if (!us.has((packet) => isEcho(packet, 'reply', { sequence, size: 100 }))) {
          us.send(echoPacket({ source: OURS.inner, destination: THEIRS.inner, sequence, size: 100 }))
        }
      }
    }, 300)
    try {
      for (let sequence = 1; sequence <= 20; sequence++) {
        await us.packet(`reply ${sequence}`, (packet) => isEcho(packet, 'reply', { sequence, size: 100 }), 60_000)
      }
    } finally {
      clearInterval(again)
    }
  })

  it('takes our cookie while we are under load, and gets a session with it', async () => {
    await us.restart(ours.privateKey, OURS.port, { alwaysUnderLoad: true })
    await configure({ theyKnowWhere: true })
    us.answerPings()
    const { stdout } = await there.run('ping', ['-c', '1', '-W', '25', OURS.inner])
    expect(stdout).to.include('1 received')
    expect(us.sent.filter((datagram) => datagram[0] === 3)).to.have.length.greaterThan(0)
    expect((await us.close())['cookie_sent']).to.be.greaterThan(0)
  })
})
