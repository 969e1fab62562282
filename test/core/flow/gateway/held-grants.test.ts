import { expect } from 'chai'
import * as fc from 'fast-check'
import { describe, it } from 'mocha'
import { matchPattern } from '../../../../core/dns/pattern.ts'
import type { FlowResource } from '../../../../core/flow/flow-resource.ts'
import { HeldGrants, type Grant } from '../../../../core/flow/gateway/held-grants.ts'
import { MachineAddresses } from '../../../../core/flow/gateway/machine-addresses.ts'
import { compareEntries, resourceEntry } from '../../../../core/flow/resource-entry.ts'
import { formatAddress, parseAddress } from '../../../../core/net/ip-address.ts'
import { prefixContains } from '../../../../core/net/prefix.ts'
import { isInRange, NOT_INTERNET } from '../../../../core/net/reserved-range.ts'
import { cidr, dns, internet } from '../../../kit/flow-bench.ts'

const address = (text: string): Uint8Array => parseAddress(text) ?? new Uint8Array(0)
const grantOf = (resource: FlowResource): Grant => ({ ...resourceEntry(resource), peer: 'ada', expiresAt: undefined })

/** Reference model: finds grants by going through all of them. */
class PlainGrants {
  readonly grants = new Map<string, Grant>()

  covering(bytes: Uint8Array): Grant[] {
    const internetOnly = [...this.grants.values()].filter(({ resource }) => resource.type === 'internet')
    const [first] = internetOnly.sort(compareEntries)
    return [...this.grants.values()]
      .filter((grant) =>
        grant.prefix === undefined
          ? grant === first && !isInRange(NOT_INTERNET, bytes) && formatAddress(bytes) !== OWN_ADDRESS
          : prefixContains(grant.prefix, bytes),
      )
      .sort(compareEntries)
  }

  coversName(name: string): boolean {
    return [...this.grants.values()].some(
      ({ resource }) => resource.type === 'dns' && matchPattern(resource.address, name),
    )
  }
}

const OWN_ADDRESS = '192.0.2.9'
const NETWORKS = [
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
  '0.0.0.0/0',
  '2001:db8::/32',
  '::/0',
  'none',
]
const PATTERNS = ['a.example.org', '*.example.org', '**.example.org', '?.example.org', 'other.example']
const ADDRESSES = [
  '10.1.2.3',
  '10.1.9.9',
  '10.9.9.9',
  '192.0.2.1',
  OWN_ADDRESS,
  '2001:db8::1',
  '2001:db9::1',
  'fd00::1',
].map(address)
const NAMES = ['a.example.org', 'bc.example.org', 'x.y.example.org', 'other.example', 'example.org']

const id = fc.integer({ min: 0, max: 12 }).map((number) => `resource ${number}`)
const resource = fc.oneof(
  fc.tuple(id, fc.constantFrom(...NETWORKS)).map(([one, network]) => cidr(one, network)),
  fc.tuple(id, fc.constantFrom(...PATTERNS)).map(([one, pattern]) => dns(one, pattern)),
  id.map(internet),
)
const step = fc.oneof(
  resource.map((put) => ({ put, resourceId: put.id })),
  id.map((resourceId) => ({ put: undefined, resourceId })),
)

describe('the grants that a client holds', () => {
  it('held grants are found as by going through all of them, in the same order, whatever was added, replaced and removed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const machine = new MachineAddresses()
        machine.replace([OWN_ADDRESS])
        const held = new HeldGrants(machine)
        const plain = new PlainGrants()
        for (const { put, resourceId } of steps) {
          const concerned = plain.grants.get(resourceId)
          if (put === undefined) {
            expect(held.remove(resourceId)).to.equal(concerned)
            plain.grants.delete(resourceId)
          } else {
            const grant = grantOf(put)
            expect(held.put(grant)).to.equal(concerned)
            plain.grants.set(resourceId, grant)
          }
          for (const name of NAMES) expect(held.coversName(name), name).to.equal(plain.coversName(name))
        }
        expect(held.size).to.equal(plain.grants.size)
        for (const grant of held.all()) expect(plain.grants.get(grant.resource.id)).to.equal(grant)
        for (const bytes of ADDRESSES) {
          const ids = (grants: Grant[]) => grants.map((grant) => grant.resource.id)
          expect(ids(held.covering(bytes))).to.deep.equal(ids(plain.covering(bytes)))
        }
      }),
      { numRuns: 300 },
    )
  })
})
