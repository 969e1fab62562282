import { constants } from 'node:os'
import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { Counters } from '../../../core/runtime/counters.ts'
import { endpoint } from '../../../core/runtime/endpoint.ts'
import { RelayPort } from '../../../hosts/relay/relay-port.ts'
import { openUdpPort } from '../../../hosts/runtime/datagram-socket.ts'
import { loadAddon, UDP_ROW } from '../../../hosts/runtime/native/addon.ts'
import { EndpointDecoder, EndpointEncoder } from '../../../hosts/runtime/socket-address.ts'

const { EAGAIN, EHOSTUNREACH } = constants.errno
const ADA = endpoint('192.0.2.1', 1)
const BOB = endpoint('192.0.2.2', 2)

describe('a relay’s socket that has no room', () => {
  /** Errno with which the socket refuses everything; 0 for none. A real one fills up at its own time only. */
  let errno = 0
  let sent: number[] = []
  let asked = 0
  let drops: Counters
  let port: RelayPort

  beforeEach(() => {
    ;[errno, sent, asked, drops] = [0, [], 0, new Counters()]
    const addon = loadAddon()
    const handle = openUdpPort(addon, { address: '127.0.0.1', family: 'ipv4', port: 0 })
    port = new RelayPort({
      addon: {
        close: (closed) => addon.close(closed),
        sendUdp: (_, bytes, table, count) => {
          for (let row = 0; row < count; row++) {
            table[row * UDP_ROW + 2] = errno
            if (errno === 0) sent.push(bytes[table[row * UDP_ROW] ?? 0] ?? 0)
          }
          return errno === 0 ? count : 0
        },
      },
      handle,
      encoder: new EndpointEncoder('ipv4'),
      decoder: new EndpointDecoder('ipv4'),
      drops,
      onWaiting: () => asked++,
    })
  })

  it('what it refuses waits and is sent later, in order, and what comes meanwhile behind it', () => {
    errno = EAGAIN
    const burst = new Uint8Array([1, 2, 3])
    for (const offset of [0, 1, 2]) port.queue(ADA, offset, 1)
    port.flush(burst)
    burst.fill(9)
    expect(asked).to.equal(1)
    expect(port.retry()).to.equal(true)
    errno = 0
    port.send(ADA, new Uint8Array([4]))
    expect(sent).to.deep.equal([])
    expect(port.retry()).to.equal(false)
    expect(sent).to.deep.equal([1, 2, 3, 4])
    port.close()
  })

  it('a receiver that gets too much loses what is oldest, and another one nothing', () => {
    errno = EAGAIN
    port.send(BOB, new Uint8Array([255]))
    for (let number = 0; number < 130; number++) port.send(ADA, new Uint8Array([number]))
    errno = 0
    port.retry()
    expect(sent.slice(0, 2)).to.deep.equal([255, 2])
    expect(sent).to.have.length(129)
    expect(port.dropped).to.equal(2)
    port.close()
  })

  it('what the network refuses is counted and does not wait', () => {
    errno = EHOSTUNREACH
    port.send(ADA, new Uint8Array([1]))
    port.queue(BOB, 0, 1)
    port.flush(new Uint8Array([2]))
    expect(asked).to.equal(0)
    expect(drops.snapshot()).to.deep.equal({ EHOSTUNREACH: 2 })
    port.close()
  })

  it('a closed one sends nothing', () => {
    port.close()
    port.send(ADA, new Uint8Array([1]))
    port.queue(BOB, 0, 1)
    port.flush(new Uint8Array([2]))
    expect(sent).to.deep.equal([])
  })
})
