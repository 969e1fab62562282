import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Secret } from '../../../core/runtime/secret.ts'
import { DAY, HOUR, SECOND } from '../../../core/runtime/time.ts'
import type { WebSocketEvents } from '../../../core/runtime/web-socket.ts'
import { RelayLink } from '../../../hosts/relay/relay-link.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

describe('a relay’s link to its portal', () => {
  it('H3 the relay serves while it is connected and a day beyond, and again once it is back', () => {
    const clock = new VirtualClock()
    const serving: boolean[] = []
    let isAway = false
    let socket: WebSocketEvents | undefined
    const link = new RelayLink({
      url: 'ws://portal.example.org/relay/websocket?name=one',
      token: new Secret('token'),
      stampSecret: 'secret',
      userAgent: 'relay',
      webSockets: {
        connect: (_, events) => {
          if (isAway) events.closed({ step: 'connect', message: 'away' })
          else {
            socket = events
            events.opened()
          }
          return {
            sendBytes: () => undefined,
            waitingBytes: () => 0,
            send: (text) => {
              const { event, ref } = JSON.parse(text) as { event: string; ref: number }
              const topic = event === 'heartbeat' ? 'phoenix' : 'relay'
              events.received(
                JSON.stringify({ topic, event: 'phx_reply', payload: { status: 'ok', response: {} }, ref }),
              )
              if (event === 'phx_join') events.received('{"topic":"relay","event":"init","payload":{},"ref":null}')
            },
            close: () => undefined,
          }
        },
      },
      clock,
      random: new SeededRandom(1),
      logger: new RecordingLogger(),
      serve: (serves) => serving.push(serves),
    })
    link.start()
    clock.advance(1 * SECOND)
    expect(link.state).to.equal('connected')
    expect(serving).to.deep.equal([true])
    isAway = true
    socket?.closed({ step: 'open', message: 'gone' })
    clock.advance(23 * HOUR)
    expect(link.state).to.equal('unreachable')
    expect(serving).to.deep.equal([true])
    clock.advance(1 * DAY)
    expect(serving).to.deep.equal([true, false])
    isAway = false
    clock.advance(1 * HOUR)
    expect(link.state).to.equal('connected')
    expect(serving).to.deep.equal([true, false, true])
    link.stop()
  })
})
