import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { ADA, cidr, ClientBench } from '../../../kit/flow-bench.ts'

const SERVER = '198.51.100.7'
const SERVER6 = '2001:db8:9::7'
const LAB = cidr('lab', '198.51.100.0/24')
const LAB6 = cidr('lab6', '2001:db8:9::/48')

describe('flows whose gateway is gone while another serves', () => {
  let client: ClientBench

  beforeEach(() => {
    client = new ClientBench(LAB, LAB6)
    client.grant('lab', 'one')
    client.grant('lab6', 'one')
  })

  /** Opens a TCP connection through the first gateway. */
  const open = (sourcePort: number, to = SERVER): void => {
    client.fromApplication({ destination: to, sourcePort })
    client.fromGateway({ source: to, destinationPort: sourcePort }, 'one')
    client.fromApplication({ destination: to, sourcePort, flags: 'A' })
  }
  const lose = () => client.handle({ type: 'peerLost', peer: 'one' })

  it('H2 the first packets of flows that have no answer are sent by the next gateway, each once, in order', () => {
    client.fromApplication({ destination: SERVER, sourcePort: 1 })
    client.fromApplication({ destination: SERVER, sourcePort: 1 })
    client.fromApplication({ destination: SERVER, sourcePort: 2, kind: 'udp' })
    client.fromApplication({ destination: SERVER, sourcePort: 3 })
    client.fromGateway({ source: SERVER, destinationPort: 3 }, 'one')
    expect(lose()).to.deep.equal(['request lab'])
    expect(client.grant('lab', 'two').filter((text) => text.startsWith('two: '))).to.deep.equal([
      `two: tcp ${ADA.ipv4}:1 > ${SERVER}:443 S`,
      `two: udp ${ADA.ipv4}:2 > ${SERVER}:443`,
    ])
  })

  it('H2 a first packet that was sent longer ago than its sender waits is not sent again', () => {
    client.fromApplication({ destination: SERVER, sourcePort: 1 })
    client.wait(3_000)
    expect(lose()).to.deep.equal([])
    expect(client.grant('lab', 'two')).to.deep.equal([])
  })

  it('H2 at most 128 first packets are kept, the latest ones', () => {
    for (let port = 1; port <= 200; port++) client.fromApplication({ destination: SERVER, sourcePort: port })
    lose()
    const sent = client.grant('lab', 'two')
    expect(sent).to.have.length(128)
    expect(sent[0]).to.contain(':73 > ')
  })

  it('T11 an open connection is reset as soon as another gateway serves: its application is asked, and its answer is reset', () => {
    open(1)
    open(2, SERVER6)
    lose()
    expect(client.fromApplication({ destination: SERVER, sourcePort: 1, flags: 'A' })).to.deep.equal(['request lab'])
    // The packet that waited is answered as well.
    expect(client.grant('lab', 'two')).to.deep.equal([
      `tun: tcp ${SERVER}:443 > ${ADA.ipv4}:1 R`,
      `tun: tcp ${SERVER}:443 > ${ADA.ipv4}:1 A`,
      `tun: tcp ${SERVER}:443 > ${ADA.ipv4}:1 A`,
    ])
    expect(client.grant('lab6', 'two')).to.deep.equal([
      `tun: tcp [${SERVER6}]:443 > [${ADA.ipv6}]:2 A`,
      `tun: tcp [${SERVER6}]:443 > [${ADA.ipv6}]:2 A`,
    ])
    expect(client.fromApplication({ destination: SERVER6, sourcePort: 2, flags: 'A' })).to.deep.equal([
      `tun: tcp [${SERVER6}]:443 > [${ADA.ipv6}]:2 R`,
    ])
    expect(client.flows.counters()).to.deep.equal({ 'gateway-changed': 2, 'connection-reset': 2 })
  })

  it('T11 another gateway is requested for connections that wait at one that has ended, and for none that is only away', () => {
    open(1)
    client.wait(5_000)
    expect(lose()).to.deep.equal([])
    client.grant('lab', 'one')
    expect(client.handle({ type: 'peerLost', peer: 'one', isGone: true })).to.deep.equal(['request lab'])
    expect(client.grant('lab', 'two')).to.have.length(2)
  })

  it('T11 a new connection from the same port goes by the gateway that serves', () => {
    open(1)
    lose()
    client.grant('lab', 'two')
    expect(client.fromApplication({ destination: SERVER, sourcePort: 1 })[0]).to.match(/^two: tcp/)
    client.fromGateway({ source: SERVER, destinationPort: 1 }, 'two')
    expect(client.fromApplication({ destination: SERVER, sourcePort: 1, flags: 'A' })[0]).to.match(/^two: tcp/)
  })

  it('T11 the first datagram of a conversation is answered by one ICMP error, and the next ones go on', () => {
    const say = () => client.fromApplication({ destination: SERVER, sourcePort: 1, kind: 'udp' })
    say()
    client.fromGateway({ source: SERVER, destinationPort: 1, kind: 'udp' }, 'one')
    lose()
    client.grant('lab', 'two')
    expect(say()[0]).to.match(/^tun: icmp 3\/1/)
    expect(say()).to.deep.equal([`two: udp ${ADA.ipv4}:1 > ${SERVER}:443`])
  })

  it('H2 connections go on where the same gateway is back before another serves', () => {
    open(1)
    lose()
    client.grant('lab', 'one')
    expect(client.fromApplication({ destination: SERVER, sourcePort: 1, flags: 'A' })[0]).to.match(/^one: tcp/)
  })

  it('H5 connections stay at a gateway that goes on serving, and new ones go by the one that was granted last', () => {
    open(1)
    expect(client.grant('lab', 'two'), 'nobody is asked').to.deep.equal([])
    expect(client.fromApplication({ destination: SERVER, sourcePort: 1, flags: 'A' })[0]).to.match(/^one: tcp/)
    expect(client.fromApplication({ destination: SERVER, sourcePort: 2 })[0]).to.match(/^two: tcp/)
  })
})
