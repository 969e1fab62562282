import { expect } from 'chai'
import { describe, it } from 'mocha'
import { isEcho } from './icmp-echo.ts'
import { hasMac2, isInitiation } from './our-end.ts'
import { OURS, useWireGuardPair } from './wireguard-pair.ts'

describe('T9 the WireGuard transport and a real wireguard-go, at length', function () {
  this.timeout(300_000)
  const pair = useWireGuardPair()

  it('T9 the transport gets a session with a wireguard-go under load: it is asked for a cookie, and gives it back', async () => {
    const { us } = pair()
    await pair().configure({ theyKnowWhere: false })
    us.connect()
    await us.until('a session', () => us.established === 1)
    const first = us.sent.find(isInitiation) ?? new Uint8Array()
    const before = us.sent.length
    us.skipTime(200_000)
    // wireguard-go counts as under load for a second after many handshake messages came at once; replays with a right
    // mac1 are enough.
    const flood = setInterval(() => us.flood(pair().theirEndpoint, first, 400), 100)
    try {
      await us.until('a cookie reply', () => us.received.has(3))
      us.connect()
      await us.until('a session in spite of the load', () => us.established === 2, 30_000)
    } finally {
      clearInterval(flood)
    }
    const initiations = us.sent.slice(before).filter(isInitiation)
    expect(initiations.slice(-1).map(hasMac2)).to.deep.equal([true])
    // Messages of the flood that are still in the socket's buffer may cost a packet.
    const echo = { sequence: 1, size: 64 }
    const pings = setInterval(() => us.send(pair().request(echo)), 200)
    try {
      await us.packet('a reply', (packet) => isEcho(packet, 'reply', echo))
    } finally {
      clearInterval(pings)
    }
  })

  it('T9 wireguard-go renews the keys by itself after two minutes, while its pings go on', async () => {
    const { us, there } = pair()
    await pair().configure({ theyKnowWhere: true })
    us.answerPings()
    const { stdout } = await there.run('ping', ['-i', '1', '-c', '150', '-W', '10', OURS.inner], { timeoutMs: 250_000 })
    expect(stdout).to.include('150 received')
    expect(us.established).to.equal(2)
  })
})
