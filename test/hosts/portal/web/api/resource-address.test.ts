import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { resourceAddress } from '../../../../../hosts/portal/web/api/resource-address.ts'
import { anyText } from '../../../../kit/any-text.ts'

const accepted: [type: 'dns' | 'cidr' | 'ip', text: string, address: string][] = [
  ['dns', '*.Internal.example.org', '*.internal.example.org'],
  ['cidr', '10.0.0.0/8', '10.0.0.0/8'],
  ['cidr', '2001:DB8:0:0::/32', '2001:db8::/32'],
  ['cidr', '192.0.2.7', '192.0.2.7'],
  ['cidr', '192.0.2.7/32', '192.0.2.7/32'],
  ['ip', '192.0.2.7', '192.0.2.7'],
  ['ip', '2001:DB8::7', '2001:db8::7'],
  ['cidr', '168.63.0.0/16', '168.63.0.0/16'],
  ['ip', '168.63.129.16', '168.63.129.16'],
  ['ip', 'fd00:ec2::253', 'fd00:ec2::253'],
  ['cidr', '64:ff9b::/96', '64:ff9b::/96'],
]
const refused: [type: 'dns' | 'cidr' | 'ip', text: string, problem: RegExp][] = [
  ['dns', '*.com', /wildcard/],
  ['dns', 'localhost', /localhost/],
  ['dns', '192.0.2.1', /address/],
  ['cidr', '10.0.0.1/8', /write 10\.0\.0\.0\/8/],
  ['cidr', '0.0.0.0/0', /everything/],
  ['cidr', '::/0', /everything/],
  ['cidr', '127.0.0.0/8', /machine itself/],
  ['cidr', '100.64.0.0/10', /tunnels/],
  ['cidr', '100.96.0.0/16', /tunnels/],
  ['cidr', '100.0.0.0/8', /tunnels/],
  ['cidr', 'fd00:2021:1111::/48', /tunnels/],
  ['cidr', 'fd00:2021::/32', /tunnels/],
  ['cidr', '010.0.0.0/8', /no address/],
  ['cidr', '10.0.0.0/08', /prefix length/],
  ['cidr', '10.0.0.0/33', /prefix length/],
  ['cidr', '10.0.0.0/8/8', /no address/],
  ['cidr', '224.0.0.0/4', /multicast/],
  ['ip', '10.0.0.0/8', /one address/],
  ['ip', '::1', /machine itself/],
  ['ip', 'fe80::1%eth0', /no address/],
  ['ip', '::ffff:192.0.2.1', /IPv4/],
  ['ip', '::192.0.2.1', /IPv4/],
  ['ip', '169.254.169.254', /link-local/],
  ['ip', '64:ff9b::a9fe:a9fe', /link-local/],
  ['cidr', '64:ff9b::a9fe:a9fe/127', /link-local/],
  ['cidr', '2002:7f00::/24', /machine itself/],
  ['ip', '2002:a9fe:a9fe::1', /link-local/],
  ['ip', '2001:db8::5efe:7f00:1', /machine itself/],
  ['cidr', 'fd00:ec2::/32', /metadata/],
  ['ip', '192.0.0.8', /no address of a machine/],
  ['ip', '255.255.255.255', /broadcast/],
]

describe("a resource's address", () => {
  for (const [type, text, address] of accepted) {
    it(`a resource of type ${type} may have the address ${text}`, () => {
      expect(resourceAddress(type, text)).to.deep.equal({ ok: true, address })
    })
  }
  for (const [type, text, problem] of refused) {
    it(`a resource of type ${type} may not have the address ${text}`, () => {
      const verdict = resourceAddress(type, text)
      expect(verdict).to.have.property('ok', false)
      expect(verdict).to.have.property('problem').that.matches(problem)
    })
  }

  it("a resource's address is judged for any text whatever, and what is accepted is accepted again as it is", () => {
    const text = fc.oneof(
      anyText(),
      fc.ipV4(),
      fc.ipV6(),
      fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(200)).map(([address, bits]) => `${address}/${bits}`),
      fc.domain(),
    )
    fc.assert(
      fc.property(fc.constantFrom('dns', 'cidr', 'ip'), text, (type, text) => {
        const verdict = resourceAddress(type, text)
        if (verdict.ok) expect(resourceAddress(type, verdict.address)).to.deep.equal(verdict)
        else expect(verdict.problem).to.have.length.greaterThan(5)
      }),
    )
  })
})
