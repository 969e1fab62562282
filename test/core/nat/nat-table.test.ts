import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { CLOSED_TTL_MS, FlowStates, TCP_TTL_MS, UDP_TTL_MS, UNCONFIRMED_TTL_MS } from '../../../core/nat/flow-states.ts'
import { NatTable, type NatEntry } from '../../../core/nat/nat-table.ts'
import { formatAddress, parseAddress } from '../../../core/net/ip-address.ts'
import { ACK, FIN, ICMP, RST, SYN, TCP, UDP } from '../../../core/net/packet-view.ts'
import { instant, MINUTE, SECOND } from '../../../core/runtime/time.ts'

const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0)
const PROXY = address('100.96.0.1')
const OTHER_PROXY = address('100.96.0.5')
const REAL = address('10.0.0.5')

/** Group of a flow, derived from its mapped address so that a test can tell it. */
const groupOf = (proxy: string): string => (proxy === '100.96.0.2' ? 'group 2' : 'group 1')

/** A NAT table with a clock, used as the gateway does. */
class Bench {
  now = 0
  readonly states = new FlowStates<NatEntry<string>>(() => undefined)
  readonly table: NatTable<string>

  constructor(capacity?: number) {
    this.table = new NatTable<string>({
      states: this.states,
      owner: 0,
      ...(capacity === undefined ? {} : { capacity }),
    })
  }

  /** Translates a client's packet; returns its source port and address as the network sees them. */
  send(protocol: number, port: number, { proxy = PROXY, real = REAL, flags = 0 } = {}): string {
    const now = instant(this.now)
    const known = this.table.fromInside(protocol, port, proxy, now)
    const entry =
      known !== undefined && !this.states.reopens(known.row, flags)
        ? known
        : this.table.open(
            {
              protocol,
              insidePort: port,
              insideAddress: proxy,
              outsideAddress: real,
              tag: '',
              group: groupOf(formatAddress(proxy)),
            },
            now,
          )
    if (typeof entry === 'string') return entry
    this.states.recordPacket(entry.row, { from: 'inside', tcpFlags: flags, now })
    return `${formatAddress(entry.outsideAddress)} ${entry.outsidePort}`
  }

  /** Translates a packet from the network; returns its source as the client sees it. */
  reply(protocol: number, port: number, { real = REAL, flags = 0 } = {}): string {
    const entry = this.table.fromOutside(protocol, port, real, instant(this.now))
    if (entry === undefined) return 'dropped'
    this.states.recordPacket(entry.row, { from: 'outside', tcpFlags: flags, now: instant(this.now) })
    return `${formatAddress(entry.insideAddress)} ${entry.insidePort}`
  }

  wait(milliseconds: number): this {
    this.now += milliseconds
    return this
  }
}

describe('the NAT table', () => {
  it('the NAT table keeps the port where it is free, and takes the next where it is not', () => {
    const bench = new Bench()
    expect(bench.send(TCP, 4_000)).to.equal('10.0.0.5 4000')
    expect(bench.send(TCP, 4_000, { proxy: OTHER_PROXY })).to.equal('10.0.0.5 4001')
    expect(bench.send(UDP, 4_000, { proxy: OTHER_PROXY })).to.equal('10.0.0.5 4000')
    expect(bench.send(TCP, 4_000, { proxy: OTHER_PROXY, real: address('10.0.0.6') })).to.equal('10.0.0.5 4001')
    expect(bench.send(TCP, 65_535)).to.equal('10.0.0.5 65535')
    expect(bench.send(TCP, 65_535, { proxy: OTHER_PROXY })).to.equal('10.0.0.5 1')
    expect(bench.send(ICMP, 65_535)).to.equal('10.0.0.5 65535')
    expect(bench.send(ICMP, 65_535, { proxy: OTHER_PROXY })).to.equal('10.0.0.5 0')
  })

  it('T3 tells two names on one real address apart, from one source port', () => {
    const bench = new Bench()
    bench.send(TCP, 4_000)
    bench.send(TCP, 4_000, { proxy: OTHER_PROXY })
    expect(bench.reply(TCP, 4_000)).to.equal('100.96.0.1 4000')
    expect(bench.reply(TCP, 4_001)).to.equal('100.96.0.5 4000')
    expect(bench.reply(TCP, 4_002)).to.equal('dropped')
    expect(bench.reply(UDP, 4_000)).to.equal('dropped')
  })

  it('the NAT table forgets a flow that nobody confirmed after 60 s', () => {
    const bench = new Bench()
    bench.send(TCP, 1)
    expect(bench.wait(UNCONFIRMED_TTL_MS - 1).reply(TCP, 1)).to.equal('100.96.0.1 1')
    bench.send(UDP, 2)
    expect(bench.wait(UNCONFIRMED_TTL_MS).reply(UDP, 2)).to.equal('dropped')
  })

  it('the NAT table keeps a confirmed TCP connection for 2 h 4 min, and UDP for 2 min', () => {
    const bench = new Bench()
    bench.send(TCP, 1)
    bench.reply(TCP, 1)
    expect(bench.wait(124 * MINUTE - 1).reply(TCP, 1)).to.equal('100.96.0.1 1')
    expect(bench.wait(124 * MINUTE).reply(TCP, 1)).to.equal('dropped')
    bench.send(UDP, 1)
    bench.reply(UDP, 1)
    expect(bench.wait(2 * MINUTE - 1).reply(UDP, 1)).to.equal('100.96.0.1 1')
    expect(bench.wait(2 * MINUTE).reply(UDP, 1)).to.equal('dropped')
  })

  it('the NAT table keeps a connection for 5 s after both sides ended it in the first answer, just before its time was over', () => {
    const bench = new Bench()
    bench.send(TCP, 1, { flags: FIN | ACK })
    bench.wait(UNCONFIRMED_TTL_MS - 1).reply(TCP, 1, { flags: FIN | ACK })
    expect(bench.wait(CLOSED_TTL_MS - 1).reply(TCP, 1, { flags: ACK })).to.equal('100.96.0.1 1')
    expect(bench.wait(1).reply(TCP, 1, { flags: ACK })).to.equal('dropped')
  })

  it('the NAT table forgets a TCP connection 5 s after both sides ended it, whatever still comes', () => {
    const bench = new Bench()
    bench.send(TCP, 1, { flags: SYN })
    bench.reply(TCP, 1, { flags: SYN | ACK })
    bench.send(TCP, 1, { flags: FIN | ACK })
    expect(bench.wait(MINUTE).reply(TCP, 1, { flags: FIN | ACK })).to.equal('100.96.0.1 1')
    expect(bench.wait(3 * SECOND).send(TCP, 1, { flags: ACK })).to.equal('10.0.0.5 1')
    expect(bench.wait(2 * SECOND).reply(TCP, 1, { flags: ACK })).to.equal('dropped')
  })

  it('the NAT table forgets a TCP connection at once on a reset', () => {
    const bench = new Bench()
    bench.send(TCP, 1, { flags: SYN })
    expect(bench.reply(TCP, 1, { flags: RST })).to.equal('100.96.0.1 1')
    expect(bench.reply(TCP, 1)).to.equal('dropped')
    bench.send(TCP, 1, { flags: SYN })
    bench.send(TCP, 1, { flags: RST })
    expect(bench.reply(TCP, 1)).to.equal('dropped')
  })

  it('D10 the NAT table begins anew with a SYN on a connection that ended, and not on one that goes on', () => {
    const bench = new Bench()
    const moved = { real: address('10.0.0.9'), flags: SYN }
    bench.send(TCP, 1, { flags: SYN })
    bench.reply(TCP, 1, { flags: SYN | ACK })
    expect(bench.send(TCP, 1, moved)).to.equal('10.0.0.5 1')
    bench.send(TCP, 1, { flags: FIN })
    bench.reply(TCP, 1, { flags: FIN })
    expect(bench.send(TCP, 1, moved)).to.equal('10.0.0.9 1')
    expect(bench.reply(TCP, 1)).to.equal('dropped')
  })

  it('the NAT table refuses flows when it is full, until one is over', () => {
    const bench = new Bench(2)
    bench.send(UDP, 1)
    bench.send(UDP, 2)
    expect(bench.send(UDP, 3)).to.equal('nat-table-full')
    expect(bench.wait(UNCONFIRMED_TTL_MS).send(UDP, 3)).to.equal('10.0.0.5 3')
    expect(bench.table.size).to.equal(1)
  })

  it('the NAT table searches for flows that are over once a second when it is full, however many packets find no room', () => {
    const bench = new Bench(2)
    bench.send(TCP, 1)
    bench.send(TCP, 2)
    expect(bench.send(TCP, 3)).to.equal('nat-table-full')
    bench.reply(TCP, 1, { flags: RST })
    expect(bench.wait(SECOND - 1).send(TCP, 3)).to.equal('nat-table-full')
    expect(bench.wait(1).send(TCP, 3)).to.equal('10.0.0.5 3')
  })

  it('the NAT table gives up after some ports, so that one packet costs a bounded search', () => {
    const bench = new Bench()
    for (let port = 1_000; port < 1_256; port++) bench.send(UDP, port)
    expect(bench.send(UDP, 1_000, { proxy: OTHER_PROXY })).to.equal('nat-ports-exhausted')
    expect(bench.send(UDP, 1_001, { proxy: OTHER_PROXY })).to.equal('10.0.0.5 1256')
  })

  it('the NAT table gives out the flows of a group, and moves a flow to another one', () => {
    const bench = new Bench()
    bench.send(UDP, 1)
    bench.send(UDP, 2)
    const [first] = bench.table.inGroup('group 1')
    if (first === undefined) throw new Error('no flow')
    bench.table.regroup(first, 'group 2')
    const ports = (group: string) => bench.table.inGroup(group).map(({ insidePort }) => insidePort)
    expect([ports('group 1'), ports('group 2'), ports('group 3')]).to.deep.equal([[2], [1], []])
    bench.table.remove(first)
    expect(ports('group 2')).to.deep.equal([])
  })

  it('the NAT table does what a simple list does, at any delays around its times', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bench = new Bench()
        const model = new Model()
        for (const { delay, action, protocol, port, proxy, real, flags } of steps) {
          bench.wait(delay)
          model.now += delay
          const addresses = { proxy: address(proxy), real: address(real), flags }
          if (action === 'send') {
            expect(bench.send(protocol, port, addresses)).to.equal(model.send({ protocol, port, proxy, real, flags }))
          } else {
            expect(bench.reply(protocol, port, addresses)).to.equal(model.reply({ protocol, port, real, flags }))
          }
        }
        bench.table.sweep(instant(bench.now))
        const grouped = ['group 1', 'group 2'].map((group) => {
          const flows = bench.table.inGroup(group)
          for (const { insideAddress } of flows) expect(groupOf(formatAddress(insideAddress))).to.equal(group)
          return flows
        })
        expect(grouped.flat().map(described).sort()).to.deep.equal(model.flows().sort())
        expect(bench.table.size).to.equal(grouped.flat().length)
      }),
      { numRuns: 1_000 },
    )
  })
})

const TIMES = [UNCONFIRMED_TTL_MS, UDP_TTL_MS, TCP_TTL_MS, CLOSED_TTL_MS]

const step = fc.record({
  delay: fc.oneof(
    fc.nat(SECOND),
    fc.constantFrom(...TIMES).chain((ttl) => fc.integer({ min: ttl - 2, max: ttl + 2 })),
  ),
  action: fc.constantFrom('send', 'reply'),
  protocol: fc.constantFrom(TCP, UDP, ICMP),
  port: fc.integer({ min: 65_533, max: 65_535 }),
  proxy: fc.constantFrom('100.96.0.1', '100.96.0.2'),
  real: fc.constantFrom('10.0.0.1', '10.0.0.2'),
  flags: fc.constantFrom(SYN, ACK, ACK, FIN | ACK, RST),
})

interface ModelFlow {
  protocol: number
  port: number
  proxy: string
  outsidePort: number
  real: string
  confirmed: boolean
  finIn: boolean
  finOut: boolean
  /** Moment when both sides had ended the connection. */
  endedAt: number | undefined
  lastAt: number
  reset: boolean
}

interface ModelPacket {
  protocol: number
  port: number
  real: string
  flags: number
}

/** Reference model: the NAT rules of the wire's section 5 over a plain list. */
class Model {
  now = 0
  #list: ModelFlow[] = []

  send({ protocol, port, proxy, real, flags }: ModelPacket & { proxy: string }): string {
    let flow = this.#live().find((each) => each.protocol === protocol && each.port === port && each.proxy === proxy)
    if (flow?.endedAt !== undefined && (flags & (SYN | ACK)) === SYN) {
      this.#list.splice(this.#list.indexOf(flow), 1)
      flow = undefined
    }
    if (flow === undefined) {
      let outsidePort = port
      while (
        this.#live().some(
          (each) => each.protocol === protocol && each.outsidePort === outsidePort && each.real === real,
        )
      ) {
        outsidePort = outsidePort === 65_535 ? (protocol === ICMP ? 0 : 1) : outsidePort + 1
      }
      flow = {
        protocol,
        port,
        proxy,
        outsidePort,
        real,
        confirmed: false,
        finIn: false,
        finOut: false,
        endedAt: undefined,
        lastAt: this.now,
        reset: false,
      }
      this.#list.push(flow)
    }
    const seen = `${flow.real} ${flow.outsidePort}`
    if (protocol === TCP && (flags & FIN) !== 0) flow.finIn = true
    this.#note(flow, flags)
    return seen
  }

  reply({ protocol, port, real, flags }: ModelPacket): string {
    const flow = this.#live().find(
      (each) => each.protocol === protocol && each.outsidePort === port && each.real === real,
    )
    if (flow === undefined) return 'dropped'
    flow.confirmed = true
    if (protocol === TCP && (flags & FIN) !== 0) flow.finOut = true
    this.#note(flow, flags)
    return `${flow.proxy} ${flow.port}`
  }

  flows(): string[] {
    return this.#live().map(
      ({ protocol, port, proxy, outsidePort, real }) => `${protocol} ${port} ${proxy} ${outsidePort} ${real}`,
    )
  }

  #note(flow: ModelFlow, flags: number): void {
    flow.lastAt = this.now
    if (flow.protocol === TCP && (flags & RST) !== 0) flow.reset = true
    if (flow.finIn && flow.finOut) flow.endedAt ??= this.now
  }

  #live(): ModelFlow[] {
    this.#list = this.#list.filter((flow) => {
      if (flow.reset) return false
      if (flow.endedAt !== undefined) return this.now < flow.endedAt + 5_000
      return this.now < flow.lastAt + (flow.confirmed ? (flow.protocol === TCP ? 7_440_000 : 120_000) : 60_000)
    })
    return this.#list
  }
}

const described = ({ protocol, insidePort, insideAddress, outsidePort, outsideAddress }: NatEntry<string>): string =>
  `${protocol} ${insidePort} ${formatAddress(insideAddress)} ${outsidePort} ${formatAddress(outsideAddress)}`
