import { expect } from 'chai'
import { before, describe, it } from 'mocha'
import type { Bed } from '../bed/bed.ts'
import { ipv4Of, ipv6Of } from '../bed/topology.ts'
import { FAMILIES } from './families.ts'

/** Tests of statement T10: machines of one address family as clients and as gateways. */
export const hostTests = (bed: () => Bed): void => {
  describe('T10 hosts of one family', () => {
    before(async function () {
      this.timeout(240_000)
      for (const site of ['site4', 'site6']) await bed().make(site, 'sites', { name: site })
      await Promise.all([
        bed().startGateway('gateway-four', { host: 104, families: 'ipv4', site: 'site4' }),
        bed().startGateway('gateway-six', { host: 106, families: 'ipv6', site: 'site6' }),
        bed().startClient('client-four', { host: 204, families: 'ipv4' }),
        bed().startClient('client-six', { host: 206, families: 'ipv6' }),
      ])
      await bed().resource('four.example.org', 'four.example.org', [], 'site4')
      await bed().resource('six.example.org', 'six.example.org', [], 'site6')
      for (const client of ['client', 'client-four', 'client-six']) await bed().knows('six.example.org', client)
    })

    for (const client of ['client-four', 'client-six']) {
      it(`T10 a ${client.slice(7)}-only client reaches both families through a gateway that has both`, async () => {
        for (const { of, literal, type } of FAMILIES) {
          const [address = ''] = await bed().resolve('wiki.example.org', type, client)
          const seen = await bed().page(`http://${literal(address)}/`, { client })
          expect(seen.from.split(' ')[0]).to.equal(of('site', 101))
        }
      })
    }

    it('T10 a client with both families, and one with the same family, use gateways of one family', async () => {
      for (const client of ['client', 'client-four']) {
        const seen = await bed().page('http://four.example.org/', { client })
        expect(seen.from.split(' ')[0]).to.equal(ipv4Of('site', 104))
      }
      for (const client of ['client', 'client-six']) {
        const seen = await bed().page('http://six.example.org/', { client })
        expect(seen.from.split(' ')[0]).to.equal(ipv6Of('site', 106))
      }
    })
  })
}
