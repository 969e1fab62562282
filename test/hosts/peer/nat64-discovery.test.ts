import { expect } from 'chai'
import { describe, it } from 'mocha'
import { formatPrefix } from '../../../core/net/prefix.ts'
import { SECOND } from '../../../core/runtime/time.ts'
import { Nat64Discovery } from '../../../hosts/peer/nat64-discovery.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const IPV6_ONLY = ['127.0.0.1', '::1', 'fe80::1', '2001:db8::7']
const SYNTHESIZED = ['192.0.0.170', '2001:db8:64::c000:aa', '2001:db8:64::c000:ab']

describe('the prefix of a network’s NAT64', () => {
  const bench = () => {
    const clock = new VirtualClock()
    const told: (string | undefined)[] = []
    const asked: string[] = []
    const names = { answer: (): Promise<readonly string[]> => Promise.reject(new Error('EAI_AGAIN')) }
    const discovery = new Nat64Discovery({
      clock,
      lookUp: (name) => {
        asked.push(name)
        return names.answer()
      },
      found: (prefix) => told.push(prefix && formatPrefix(prefix)),
    })
    /** Lets promises settle. */
    const settle = () => new Promise((resolve) => setImmediate(resolve))
    return { clock, told, asked, names, discovery, settle }
  }

  it('the prefix is asked for while there is IPv6 only, again until a name server says it, and dropped with IPv4', async () => {
    const { clock, told, asked, names, discovery, settle } = bench()
    discovery.networkChanged({ links: [...IPV6_ONLY, '192.0.2.7'], uplinks: [] })
    discovery.networkChanged({ links: ['127.0.0.1', 'fe80::1'], uplinks: [] })
    expect(asked).to.deep.equal([])
    discovery.networkChanged({ links: IPV6_ONLY, uplinks: [] })
    await settle()
    expect(asked).to.deep.equal(['ipv4only.arpa'])
    names.answer = () => Promise.resolve(SYNTHESIZED)
    clock.advance(SECOND)
    await settle()
    expect(told).to.deep.equal(['2001:db8:64::/96'])
    clock.advance(3_600 * SECOND)
    await settle()
    expect(asked).to.have.length(2)
    discovery.networkChanged({ links: ['192.0.2.7'], uplinks: [] })
    expect(told).to.deep.equal(['2001:db8:64::/96', undefined])
  })

  it('the prefix is asked for anew where only the default route has changed, and IPv4 counts on its way alone', async () => {
    const { told, asked, names, discovery, settle } = bench()
    const links = ['192.0.2.7', '2001:db8::7', '2001:db8:1::7']
    discovery.networkChanged({ links, uplinks: ['192.0.2.7', '2001:db8::7'] })
    await settle()
    expect(asked).to.deep.equal([])
    names.answer = () => Promise.resolve(SYNTHESIZED)
    discovery.networkChanged({ links, uplinks: ['2001:db8::7'] })
    await settle()
    names.answer = () => Promise.resolve(['2001:db8:1:64::c000:aa'])
    discovery.networkChanged({ links, uplinks: ['2001:db8:1::7'] })
    await settle()
    discovery.networkChanged({ links, uplinks: ['192.0.2.7', '2001:db8::7'] })
    expect(told).to.deep.equal(['2001:db8:64::/96', '2001:db8:1:64::/96', undefined])
  })

  it('an answer that comes after the network has changed counts for nothing', async () => {
    const { told, names, discovery, settle } = bench()
    names.answer = () => Promise.resolve(SYNTHESIZED)
    discovery.networkChanged({ links: IPV6_ONLY, uplinks: [] })
    discovery.networkChanged({ links: ['192.0.2.7'], uplinks: [] })
    await settle()
    expect(told).to.deep.equal([])
    discovery.stop()
  })
})
