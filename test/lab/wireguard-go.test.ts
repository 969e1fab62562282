import { expect } from 'chai'
import { describe, it } from 'mocha'
import { eventually } from '../../hosts/lab/eventually.ts'
import { OURS, THEIRS, useWireGuardPair } from './wireguard-pair.ts'
import { PATIENCE_MS } from '../kit/patience.ts'

/** Rules of nft that drop every fifth datagram in each direction. */
const LOSS = `
table inet loss {
  chain input { type filter hook input priority 0; udp dport 51820 numgen random mod 5 0 drop; }
  chain output { type filter hook output priority 0; udp sport 51820 numgen random mod 5 0 drop; }
}
`

describe('T9 the WireGuard transport and a real wireguard-go', function () {
  this.timeout(240_000)
  const pair = useWireGuardPair()

  it('T9 we begin a session with wireguard-go, and its kernel answers pings of every size through it', async () => {
    await pair().configure({ theyKnowWhere: false })
    for (const [sequence, size] of [0, 1, 15, 16, 17, 100, 1000, 1372, 1392].entries()) {
      await pair().ping({ sequence, size })
    }
    expect(pair().us.established).to.equal(1)
    expect((await pair().wireGuardGo.state()).get('endpoint')).to.equal(pair().ourEndpoint)
  })

  it('T9 wireguard-go begins a session, and we answer its pings', async () => {
    await pair().configure({ theyKnowWhere: true })
    pair().us.answerPings()
    await pair().theirPings()
    expect(pair().us.established).to.equal(1)
  })

  it('T9 packets get through when we and wireguard-go begin at once', async () => {
    const { us } = pair()
    await pair().configure({ theyKnowWhere: true })
    us.choosePath(pair().theirEndpoint)
    us.answerPings()
    const theirs = pair().theirPings({ count: 8, intervalSeconds: 0.2 })
    await pair().ping({ sequence: 1, size: 64 })
    await theirs
  })

  it('T9 keys change after two minutes, and again after they have expired, while traffic with wireguard-go goes on', async () => {
    const { us } = pair()
    await pair().configure({ theyKnowWhere: false })
    us.answerPings()
    await pair().ping({ sequence: 1, size: 64 })
    // Only our clocks jump: wireguard-go has agreed to every handshake that follows.
    await pair().theirPings()
    us.skipTime(121_000)
    await pair().ping({ sequence: 2, size: 64 })
    await us.until('the second session', () => us.established === 2)
    await pair().ping({ sequence: 3, size: 64 })
    await pair().theirPings()
    us.skipTime(200_000)
    await pair().ping({ sequence: 4, size: 64 })
    expect(us.established).to.equal(3)
  })

  for (const { who, theyBegin, pace } of [
    { who: 'we, who began, renew them by time', theyBegin: false, pace: { afterMs: 400, timeoutMs: 200 } },
    { who: 'it began, and we renew them by count', theyBegin: true, pace: { afterMessages: 30, timeoutMs: 200 } },
  ]) {
    it(`T9 no packet is lost while keys change several times in two seconds: ${who}`, async () => {
      const { us } = pair()
      await pair().restart(OURS.port, { pace })
      await pair().configure({ theyKnowWhere: theyBegin })
      us.answerPings()
      if (!theyBegin) await pair().ping({ sequence: 0, size: 64 })
      const theirs = pair().theirPings({ count: 100, intervalSeconds: 0.02 })
      await us.until('the first session', () => us.established > 0)
      for (let sequence = 1; sequence <= 100 || us.established < 6; sequence++) {
        await pair().ping({ sequence: sequence % 0x1_0000, size: 300 })
      }
      await theirs
      expect(us.established).to.be.at.least(6)
      expect(await us.close()).to.deep.equal({})
    })
  }

  it('T9 traffic with wireguard-go goes on after our end was restarted with the same keys', async () => {
    await pair().configure({ theyKnowWhere: false })
    await pair().ping({ sequence: 1, size: 64 })
    await pair().restart(OURS.port + 1)
    pair().addPeer({ path: pair().theirEndpoint })
    await pair().ping({ sequence: 2, size: 64 })
    expect((await pair().wireGuardGo.state()).get('endpoint')).to.equal(`${OURS.outer}:${OURS.port + 1}`)
  })

  it('T9 there is no session with wireguard-go with another pre-shared key', async () => {
    const { us } = pair()
    await pair().configure({ theyKnowWhere: false, psk: new Uint8Array(32).fill(1) })
    us.send(pair().request({ sequence: 1, size: 10 }))
    await us.until('its response', () => us.received.has(2))
    expect((await us.close())['wrong-key']).to.equal(1)
    expect(us.established).to.equal(0)
  })

  it('T9 traffic with wireguard-go goes on when our address changes, and when its port does', async () => {
    const { us, here, wireGuardGo } = pair()
    await pair().configure({ theyKnowWhere: false })
    us.answerPings()
    await pair().ping({ sequence: 1, size: 64 })
    await here.ip(['address', 'del', `${OURS.outer}/24`, 'dev', 'eth0'])
    await here.address('eth0', '192.0.2.11/24')
    await pair().ping({ sequence: 2, size: 64 })
    expect((await wireGuardGo.state()).get('endpoint')).to.equal(`192.0.2.11:${OURS.port}`)
    await wireGuardGo.moveTo(THEIRS.port + 10)
    // wireguard-go sends first, so that we learn its address.
    await pair().theirPings()
    await pair().ping({ sequence: 3, size: 64 })
    expect(us.established).to.equal(1)
  })

  it('T9 a session and every packet get through loss of a fifth in each direction', async () => {
    await pair().there.mustRun('nft', ['-f', '-'], { input: LOSS })
    await pair().configure({ theyKnowWhere: false })
    await pair().pingInsistently(20)
  })

  for (const { who, theyBegin } of [
    { who: 'we begin', theyBegin: false },
    { who: 'it begins', theyBegin: true },
  ]) {
    it(`T9 each packet is taken once that is doubled, lost or overtaken on the way, however late it is: ${who}`, async () => {
      const { us } = pair()
      await pair().restart(OURS.port, { pace: { timeoutMs: 500 } })
      await pair().disorder({ seed: who, lost: 10, doubled: 20, overtaken: 40, overtakers: 60 })
      await pair().configure({ theyKnowWhere: theyBegin })
      us.answerPings()
      if (!theyBegin) us.connect()
      const theirs = pair().theirPingsThatMayBeLost({ count: 200, intervalSeconds: 0.01 })
      await us.until('a session', () => us.established > 0)
      await pair().pingInsistently(200)
      await theirs
      await pair().repliesThere(100)

      const { toThem, toUs } = await pair().forwarded()
      for (const { lost, late, repeated } of [toThem, toUs]) {
        expect(Math.min(lost, late, repeated), 'so that there was something to be shown').to.be.at.least(30)
      }
      await eventually(async () => ((await pair().packetsOutThere()) >= toThem.packets ? true : undefined), {
        what: 'every packet that reached them',
        timeoutMs: PATIENCE_MS,
      })
      expect(await pair().packetsOutThere()).to.equal(toThem.packets)
      await us.until('every packet that reached us', () => us.delivered >= toUs.packets)
      expect(us.delivered).to.equal(toUs.packets)
      const { replayed, 'too-old': tooOld = 0, 'wrong-key': wrongKey = 0 } = await us.close()
      expect({ replayed, tooOld, wrongKey }).to.deep.equal({ replayed: toUs.repeated, tooOld: 0, wrongKey: 0 })
    })
  }

  it('T9 keys change many times in a network that loses, doubles and reorders, and traffic gets through', async () => {
    const { us } = pair()
    await pair().restart(OURS.port, { pace: { afterMs: 300, timeoutMs: 150 } })
    await pair().disorder({ seed: 'rekeys', lost: 5, doubled: 10, overtaken: 30, overtakers: 20 })
    await pair().configure({ theyKnowWhere: false })
    us.answerPings()
    const theirs = pair().theirPingsThatMayBeLost({ count: 150, intervalSeconds: 0.02 })
    await pair().pingInsistently(50)
    await theirs
    await pair().repliesThere(90)
    for (let size = 101; us.established < 5; size++) await pair().pingInsistently(10, { size })
    const { toThem, toUs } = await pair().forwarded()
    expect(Math.min(toThem.late, toUs.late)).to.be.at.least(10)
  })

  it('T9 wireguard-go takes our cookie while we are under load, and gets a session with it', async () => {
    const { us } = pair()
    await pair().restart(OURS.port, { alwaysUnderLoad: true })
    await pair().configure({ theyKnowWhere: true })
    us.answerPings()
    const { stdout } = await pair().there.run('ping', ['-c', '1', '-W', '25', OURS.inner])
    expect(stdout).to.include('1 received')
    expect(us.sent.filter((datagram) => datagram[0] === 3)).to.have.length.greaterThan(0)
    expect((await us.close())['cookie-sent']).to.be.greaterThan(0)
  })
})
