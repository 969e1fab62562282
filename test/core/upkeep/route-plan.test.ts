import { expect } from 'chai'
import { describe, it } from 'mocha'
import { planRoutes, type LinkRoute, type RoutePlan } from '../../../core/upkeep/route-plan.ts'

const DEVICE = 'tun-client'
const CLIENT = ['100.96.0.0/11', '100.100.111.0/24', '10.0.0.0/8']
const GATEWAY = ['100.64.0.0/11']

const plan = (
  prefixes: readonly string[],
  links: readonly LinkRoute[],
  ownAddresses: readonly string[] = [],
): RoutePlan => planRoutes('ipv4', { device: DEVICE, prefixes }, { links, ownAddresses })
const link = (prefix: string, device = 'eth0'): LinkRoute => ({ prefix, device })
const texts = ({ resources }: RoutePlan): string[] =>
  resources.map((route) => ('type' in route ? `${route.type} ${route.prefix}` : route.prefix))

describe('the routes of a client and of a gateway beside the networks of their machine', () => {
  it('M6 a network on a link within the clients’ mapped addresses stays local, and a problem names both', () => {
    const { problems, ...rest } = plan(CLIENT, [link('100.97.0.0/20')])
    expect(texts({ problems, ...rest })).to.deep.equal([
      '100.96.0.0/11',
      'throw 100.97.0.0/20',
      '100.100.111.0/24',
      '10.0.0.0/8',
    ])
    expect(problems.map(({ code, blocks }) => [code, blocks])).to.deep.equal([['network_overlap', false]])
    expect(problems[0]?.said).to.contain('100.97.0.0/20 on eth0').and.to.contain('100.96.0.0/11')
  })

  it('M6 a gateway’s network and name server within the clients’ addresses stay reachable', () => {
    expect(texts(plan(GATEWAY, [link('100.64.10.0/24')]))).to.deep.equal(['100.64.0.0/11', 'throw 100.64.10.0/24'])
  })

  for (const [what, network] of [
    ['that has the client’s resolver', '100.100.0.0/17'],
    ['that has the addresses mapped first', '100.96.0.0/24'],
    ['that is wider than the range', '100.64.0.0/10'],
  ] as const) {
    it(`M4 M6 a network on a link ${what} blocks the client, and the machine’s own network goes on`, () => {
      const found = plan(CLIENT, [link(network)])
      expect(found.problems.some(({ blocks }) => blocks)).to.equal(true)
      const led = texts(found).filter((text) => !text.startsWith('throw ') && text.startsWith('100.'))
      expect(led.every((text) => text === '100.96.0.0/11' || text === '100.100.111.0/24')).to.equal(true)
      if (network === '100.64.0.0/10') expect(led).to.deep.equal([])
    })
  }

  it('T8 a resource that has the network of a link goes before it, and that is no problem', () => {
    const found = plan(['10.0.0.0/8'], [link('10.1.0.0/16')])
    expect([texts(found), found.problems]).to.deep.equal([['10.0.0.0/8'], []])
  })

  it('M7 answers from all addresses of the machine take its own routes, but from those that others cannot reach', () => {
    const own = ['192.0.2.1', '127.0.0.1', '169.254.3.4', '172.17.0.1']
    expect(plan(CLIENT, [], own).replies).to.deep.equal(['192.0.2.1', '172.17.0.1'])
    expect(plan([], [], own).replies, 'nothing leads into the tunnel').to.deep.equal([])
  })

  it('M1 two links with one network, and a prefix that is named twice, make one route each', () => {
    const links = [link('192.168.1.0/24', 'eth0'), link('192.168.1.0/24', 'wlan0')]
    const found = plan(['0.0.0.0/0', '0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/8'], links)
    expect(found.links.map((route) => 'device' in route && route.device)).to.deep.equal(['eth0'])
    expect(texts(found)).to.deep.equal(['10.0.0.0/8'])
    expect(found.internet.filter((route) => 'device' in route)).to.have.length(1)
  })
})
