import { expect } from 'chai'
import { describe, it } from 'mocha'
import { EarlyRequests } from '../../../../core/flow/client/early-requests.ts'
import { after, instant, MINUTE } from '../../../../core/runtime/time.ts'
import { ADA, ClientBench, dns, proxies } from '../../../kit/flow-bench.ts'

const NAME = 'a.example.org'
const PROXY = '100.96.0.0'
const ASKED = { type: 'addressAsked', domain: NAME, resourceId: 'wiki' } as const
const DENIED = { type: 'accessDenied', resourceId: 'wiki' } as const
const REFUSED = `tun: icmp 3/1 ${PROXY} > ${ADA.ipv4}`

const withName = (): ClientBench => {
  const client = new ClientBench(dns('wiki', '*.example.org'))
  client.handle({ type: 'nameMapped', domain: NAME, addresses: proxies(0), resourceIds: ['wiki'] })
  return client
}
const send = (client: ClientBench, sourcePort = 40_000): string[] =>
  client.fromApplication({ destination: PROXY, sourcePort })

describe('requests for access that DNS questions cause', () => {
  it('questions for both families request access once, and have the site resolve the name before a packet comes', () => {
    const client = withName()
    expect(client.handle(ASKED, ASKED)).to.deep.equal(['request wiki'])
    expect(client.grant('wiki')).to.deep.equal([`gateway: ${NAME} of wiki has 8 addresses`])
    client.frame({ type: 'domainStatus', resource: 'wiki', domain: NAME, status: 'Active' })
    expect(send(client)).to.deep.equal([`gateway: tcp ${ADA.ipv4}:40000 > ${PROXY}:443 S`])
    expect(client.handle(ASKED)).to.deep.equal([])
  })

  it('a packet that follows a question waits for its request, and is refused with it', () => {
    const client = withName()
    client.handle(ASKED)
    expect(send(client)).to.deep.equal([])
    expect(client.handle(DENIED)[0]).to.contain(REFUSED)
    expect(send(client)).to.deep.equal([])
  })

  it('after a question was denied the first packet requests access again, and is refused with that answer', () => {
    const client = withName()
    client.handle(ASKED)
    expect(client.handle(DENIED)).to.deep.equal([])
    expect(client.handle(ASKED)).to.deep.equal([])
    expect(send(client)).to.deep.equal(['request wiki'])
    expect(client.handle(DENIED)[0]).to.contain(REFUSED)
    expect(send(client, 1)).to.deep.equal([])
  })

  it('a question requests nothing while packets are refused because no gateway is reached', () => {
    const client = withName()
    client.handle({ type: 'resourceUnreachable', resourceId: 'wiki' })
    expect(client.handle(ASKED)).to.deep.equal([])
  })

  it('a question requests access to its resource once a minute, however often it is asked', () => {
    const early = new EarlyRequests()
    const now = instant(0)
    expect([early.take('a', now), early.take('a', now)]).to.deep.equal([true, false])
    expect(early.take('a', after(now, MINUTE))).to.equal(true)
  })

  it('a page full of names requests access to eight resources a minute', () => {
    const early = new EarlyRequests()
    const taken = (at: number) => Array.from({ length: 100 }, (_, one) => early.take(`r${one}`, instant(at)))
    const counts = [0, MINUTE - 1, MINUTE].map((at) => taken(at).filter(Boolean).length)
    expect(counts).to.deep.equal([8, 0, 8])
  })
})
