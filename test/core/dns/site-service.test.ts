import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import type { ServerVerdict } from '../../../core/contract/upstream-resolver.ts'
import {
  answerTo,
  isTruncated,
  parseAnswer,
  parseQuery,
  RecordType,
  responseCode,
  writeQuery,
} from '../../../core/dns/message.ts'
import { SiteService, type SiteServiceInput, type SiteServiceOutput } from '../../../core/dns/site-service.ts'
import { writeName } from '../../../core/dns/wire-name.ts'
import { drive } from '../../../core/runtime/drive.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

type Output = SiteServiceOutput<number>

/** A gateway's name service, where client 100.64.0.1 holds a grant for names below example.org. */
class World {
  readonly clock = new VirtualClock()
  readonly machine = new SiteService<number>()
  readonly outputs: Output[] = []
  readonly dispatch: (input: SiteServiceInput<number>) => void
  #query = 0

  constructor() {
    const driven = drive<SiteServiceInput<number>, Output>(this.machine, {
      clock: this.clock,
      perform: (output) => {
        this.outputs.push(output)
        if (output.type !== 'judgeName') return
        const permitted = output.client === '100.64.0.1' && output.name.endsWith('.example.org')
        driven.dispatch({ type: 'nameJudged', ask: output.ask, permitted })
      },
    })
    this.dispatch = driven.dispatch
  }

  send(
    message: Uint8Array,
    { client = '100.64.0.1', protocol = 'udp' }: { client?: string; protocol?: 'udp' | 'tcp' } = {},
  ): number {
    const query = ++this.#query
    this.dispatch({ type: 'siteQueryReceived', query, client, message, protocol })
    return query
  }

  ask(name: string, type: number, options: Parameters<World['send']>[1] = {}): number {
    return this.send(writeQuery({ id: 77, name, type }) ?? new Uint8Array(), options)
  }

  get asks(): Extract<Output, { type: 'forwardQuery' }>[] {
    return this.outputs.filter((output) => output.type === 'forwardQuery')
  }

  answered(query: number): Uint8Array | undefined {
    const found = this.outputs.find((output) => output.type === 'answerSiteQuery' && output.query === query)
    return found?.type === 'answerSiteQuery' ? found.message : undefined
  }

  codeOf(query: number): number | undefined {
    const message = this.answered(query)
    return message === undefined ? undefined : responseCode(message)
  }

  verdict(ask: number, verdict: ServerVerdict): void {
    this.dispatch({ type: 'forwardAnswered', ask, verdict })
  }
}

const srv = (target: string): Uint8Array => Uint8Array.of(0, 1, 0, 2, 1, 0x85, ...(writeName(target) ?? []))

describe('site service', () => {
  it('D4 the site service answers SRV and TXT of names that the client holds a grant for, with the own resolver', () => {
    const world = new World()
    const query = world.ask('_ldap._tcp.example.org', RecordType.SRV)
    const [ask] = world.asks
    const parsed = parseQuery(ask?.message ?? new Uint8Array())
    if (ask === undefined || parsed.type !== 'query') return expect.fail()
    const data = [srv('a.example.org'), srv('b.example.org')]
    const message = answerTo(parsed.query, { code: 0, records: { type: RecordType.SRV, ttlSeconds: 60, data } })
    world.verdict(ask.ask, { type: 'answered', message })
    expect(world.answered(query)).to.deep.equal(message)
  })

  it('D1 the site service leaves out additional records: nobody hears a real address', () => {
    const world = new World()
    const query = world.ask('_ldap._tcp.example.org', RecordType.SRV)
    const [ask] = world.asks
    const parsed = parseQuery(ask?.message ?? new Uint8Array())
    if (ask === undefined || parsed.type !== 'query') return expect.fail()
    const records = { type: RecordType.SRV, ttlSeconds: 60, data: [srv('a.example.org')] }
    const whole = answerTo({ ...parsed.query, udpBytes: undefined }, { code: 0, records })
    const real = Uint8Array.of(10, 0, 0, 5)
    // An additional record: a name by pointer, A, IN, a TTL, four bytes.
    const added = Uint8Array.from([...whole, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...real]).with(11, 1)
    world.verdict(ask.ask, { type: 'answered', message: added })
    const answered = world.answered(query) ?? new Uint8Array()
    expect(Buffer.from(answered).includes(Buffer.from(real))).to.equal(false)
    const read = parseAnswer(answered, parsed.query)
    expect(read.type === 'answer' && read.answer.records).to.have.length(1)
  })

  it('D15 the site service answers every other type, with names in records written out and their letters unchanged', () => {
    const world = new World()
    const query = world.ask('mail.example.org', 15)
    const [ask] = world.asks
    const parsed = parseQuery(ask?.message ?? new Uint8Array())
    if (ask === undefined || parsed.type !== 'query') return expect.fail()
    const { question } = parsed.query
    const head = answerTo({ ...parsed.query, udpBytes: undefined }, { code: 0 })
    // An address that another record's name points into, and MX 10 Mail.example.org with a pointer to the question.
    const address = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 5]
    const mail = [4, ...new TextEncoder().encode('Mail'), 0xc0, 12]
    const mx = [0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 2 + mail.length, 0, 10, ...mail]
    const message = Uint8Array.from([...head, ...address, ...mx]).with(7, 2)
    world.verdict(ask.ask, { type: 'answered', message })
    const whole = Uint8Array.from([0, 10, 4, ...new TextEncoder().encode('Mail'), ...question.subarray(0, -4)])
    const records = { type: 15, ttlSeconds: 60, data: [whole] }
    expect(world.answered(query)).to.deep.equal(answerTo(parsed.query, { code: 0, records }))
  })

  it('P7 the site service refuses other types, other names and other clients, and asks nobody for them', () => {
    const world = new World()
    for (const type of [RecordType.A, RecordType.AAAA, RecordType.HTTPS, 42, 38, 255, 252]) {
      expect(world.codeOf(world.ask('git.example.org', type)), `type ${type}`).to.equal(5)
    }
    expect(world.codeOf(world.ask('git.example.com', RecordType.TXT))).to.equal(5)
    expect(world.codeOf(world.ask('git.example.org', RecordType.TXT, { client: '100.64.0.2' }))).to.equal(5)
    expect(world.asks).to.deep.equal([])
    expect(world.machine.counters()).to.deep.equal({ 'site-type-refused': 7, 'site-name-refused': 2 })
  })

  it('the site service bounds how many queries one client has at once, and how long an answer takes', () => {
    const world = new World()
    const queries = Array.from({ length: 40 }, () => world.ask('git.example.org', RecordType.TXT))
    expect(world.asks).to.have.length(32)
    expect(queries.filter((query) => world.codeOf(query) === 2)).to.have.length(8)
    world.clock.advance(4_000)
    expect(queries.filter((query) => world.codeOf(query) === 2)).to.have.length(40)
    expect(world.outputs.filter(({ type }) => type === 'cancelForward')).to.have.length(32)
  })

  it('D6 the site service cuts a long answer short over UDP and gives it whole over TCP', () => {
    const world = new World()
    for (const protocol of ['udp', 'tcp'] as const) {
      const query = world.ask('git.example.org', RecordType.TXT, { protocol })
      const ask = world.asks.at(-1)
      const parsed = parseQuery(ask?.message ?? new Uint8Array())
      if (ask === undefined || parsed.type !== 'query') return expect.fail()
      const data = Array.from({ length: 20 }, () => Uint8Array.of(200, ...new Uint8Array(200)))
      const records = { type: RecordType.TXT, ttlSeconds: 60, data }
      world.verdict(ask.ask, { type: 'answered', message: answerTo(parsed.query, { code: 0, records }) })
      const answered = world.answered(query) ?? new Uint8Array()
      expect(isTruncated(answered)).to.equal(protocol === 'udp')
      expect(answered.length > 4_000).to.equal(protocol === 'tcp')
    }
  })

  it('the site service never throws, whatever bytes come as a query or an answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (message, answer) => {
        const world = new World()
        world.send(message)
        world.ask('git.example.org', RecordType.TXT)
        for (const { ask } of world.asks) world.verdict(ask, { type: 'answered', message: answer })
        for (const { ask, message: asked } of world.asks) world.verdict(ask, { type: 'answered', message: asked })
      }),
    )
  })
})
