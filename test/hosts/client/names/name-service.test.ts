import { expect } from 'chai'
import { describe, it } from 'mocha'
import { RecordType, writeQuery } from '../../../../core/dns/message.ts'
import type { Endpoint } from '../../../../core/runtime/endpoint.ts'
import { instant } from '../../../../core/runtime/time.ts'
import {
  NameService,
  type NameServiceInput,
  type NameServiceOutput,
} from '../../../../hosts/client/names/name-service.ts'

const upstream = (server: Endpoint) => ({ kind: 'system', settings: {}, server, name: server })
const FIRST = upstream('198.51.100.53:53' as Endpoint)
const SECOND = upstream('[2001:db8::53]:53' as Endpoint)
const TUNNEL = { ipv4: '100.64.0.1', ipv6: 'fd00:2021:1111::1' }

describe('the name service', () => {
  const message = writeQuery({ id: 1, name: 'www.example.com', type: RecordType.A }) ?? new Uint8Array()

  const unusable = { resolver: 'hosts-file', reason: 'no-plugin' as const, text: 'It is not asked.' }
  /** Outputs of the name service after these inputs, with two servers of the system behind it. */
  const wanted = (...inputs: NameServiceInput[]): NameServiceOutput[] => {
    const service = new NameService({ read: () => unusable })
    const outputs: NameServiceOutput[] = []
    const before: NameServiceInput[] = [
      { type: 'upstreamsFound', own: [FIRST, SECOND], system: [], searchDomains: [] },
      { type: 'configured', interface: TUNNEL },
    ]
    for (const input of [...before, ...inputs]) {
      service.handle(input, instant(0))
      for (let output = service.poll(); output !== undefined; output = service.poll()) outputs.push(output)
    }
    return outputs
  }

  const [first = '', second = ''] = wanted().flatMap((output) =>
    output.type === 'flowsTold' && output.input.type === 'sentinelsChanged' ? output.input.addresses : [],
  )

  it('an answer with addresses of a resource asks for access ahead of packets, an inspection or an empty answer does not', () => {
    const query = (type: number) => writeQuery({ id: 1, name: 'wiki.example.org', type }) ?? new Uint8Array()
    const resource = { id: 'wiki', address: '*.example.org', ipStack: 'ipv4_only' } as const
    const asked = wanted(
      { type: 'resourcesChanged', resources: [resource] },
      { type: 'inspectionRequested', inspection: 1, message: query(RecordType.A), protocol: 'udp' },
      { type: 'tcpQueryReceived', connection: 1, sentinel: first, message: query(RecordType.AAAA) },
      { type: 'tcpQueryReceived', connection: 2, sentinel: first, message: query(RecordType.A) },
    ).flatMap((output): unknown[] => {
      if (output.type === 'inspected' || output.type === 'answerTcpQuery') return [output.type]
      return output.type === 'flowsTold' && output.input.type === 'addressAsked' ? [output.input] : []
    })
    const input = { type: 'addressAsked', domain: 'wiki.example.org', resourceId: 'wiki' }
    expect(asked).to.deep.equal(['inspected', 'answerTcpQuery', 'answerTcpQuery', input])
  })

  it('D12 the name service says once that it does not ask a resolver of the account, and again when it is named anew', () => {
    const named = { ...TUNNEL, upstream_resolvers: [{ type: 'hosts-file', settings: {} }] }
    const configured = (about: typeof TUNNEL): NameServiceInput => ({ type: 'configured', interface: about })
    const notes = wanted(...[named, named, TUNNEL, named].map(configured)).filter(({ type }) => type === 'note')
    const note = { message: unusable.text, fields: { resolver: 'hosts-file', reason: 'no-plugin' } }
    expect(notes).to.deep.equal([note, note].map((each) => ({ type: 'note', level: 'warn', ...each })))
  })

  for (const [sentinel, server] of [
    [first, FIRST],
    [second, SECOND],
  ] as const) {
    it(`D2 the name service begins with the upstream whose sentinel was asked, over UDP and over TCP: ${server.name}`, () => {
      const destination = (sentinel.includes(':') ? `[${sentinel}]:53` : `${sentinel}:53`) as Endpoint
      const asked = wanted(
        { type: 'udpQueryReceived', source: '100.64.0.1:5000' as Endpoint, destination, message },
        { type: 'tcpQueryReceived', connection: 1, sentinel, message },
      ).filter((output) => output.type === 'askUpstream')
      expect(asked.map((ask) => [ask.protocol, ask.upstream])).to.deep.equal([
        ['udp', server],
        ['tcp', server],
      ])
    })
  }
})
