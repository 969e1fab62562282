import { expect } from 'chai'
import { describe, it } from 'mocha'
import { permitInternetAnd } from '../../../hosts/runtime/permitted-addresses.ts'

/** Spellings of the same IPv4 address within IPv6: mapped, compatible, translated, NAT64, 6to4, ISATAP. */
const wrapped = (ipv4: string): string[] => {
  const hex = ipv4.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  const [high, low] = [`${hex[0]}${hex[1]}`, `${hex[2]}${hex[3]}`]
  return [
    `::ffff:${ipv4}`,
    `::${ipv4}`,
    `::ffff:0:${ipv4}`,
    `64:ff9b::${ipv4}`,
    `2002:${high}:${low}::1`,
    `2a00::200:5efe:${high}:${low}`,
  ]
}

describe('addresses that a portal may ask', () => {
  const permits = permitInternetAnd([])

  it('a portal may ask addresses of the Internet', () => {
    for (const address of [
      '192.0.32.7',
      '203.0.113.20',
      '8.8.8.8',
      '2a00:1450:4001::1',
      '2606:4700::1111',
      '64:ff9b::8.8.8.8',
    ])
      expect(permits(address), address).to.equal(true)
  })

  it('a portal may not ask private, loopback, link-local or metadata addresses, in whatever IPv6 address they are wrapped', () => {
    const never = ['127.0.0.1', '127.1.2.3', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.100.100.200', '100.64.0.1', '168.63.129.16', '192.0.0.192', '198.18.0.1', '224.0.0.1', '255.255.255.255'] // prettier-ignore
    for (const address of never.flatMap((ipv4) => [ipv4, ...wrapped(ipv4)]))
      expect(permits(address), address).to.equal(false)
    const ipv6 = ['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd00:ec2::254', 'fd20:ce::254', 'fec0::1', 'ff02::1', '2001:0:a9fe:a9fe::1', '64:ff9b:1::a9fe:a9fe', '::FFFF:7F00:1', '0:0:0:0:0:0:0:1'] // prettier-ignore
    for (const address of ipv6) expect(permits(address), address).to.equal(false)
    for (const text of ['', 'localhost', '127.1', '0x7f000001', '2130706433', '[::1]', '8.8.8.8:53'])
      expect(permits(text), text).to.equal(false)
  })

  it('a portal may ask the operator’s own networks, too, and no more than these', () => {
    const own = permitInternetAnd(['10.20.0.0/16', '192.168.7.7', 'fd12::/16', '::1'])
    for (const address of ['10.20.3.4', '::ffff:10.20.3.4', '192.168.7.7', 'fd12::9', '::1', '8.8.8.8'])
      expect(own(address), address).to.equal(true)
    for (const address of ['10.21.0.1', '192.168.7.8', 'fd13::1', '127.0.0.1', '::ffff:127.0.0.1', '64:ff9b::10.20.3.4', '2002:0a14:0304::1']) expect(own(address), address).to.equal(false) // prettier-ignore
  })
})
