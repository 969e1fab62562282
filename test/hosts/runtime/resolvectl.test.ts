import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parseResolvectl } from '../../../hosts/runtime/linux/resolvectl.ts'
import { specialServers } from '../../../hosts/runtime/linux/system-resolvers.ts'

describe('what systemd-resolved shows', () => {
  it('lists of any length are read, by link', () => {
    const shown = [
      'Global:',
      'Link 2 (eth0): corp.example.org ~foo',
      '        ~bar',
      '        ~baz',
      'Link 3 (tun0): ~.',
      '',
    ]
    expect([...parseResolvectl(shown.join('\n'))]).to.deep.equal([
      ['Global', []],
      ['eth0', ['corp.example.org', '~foo', '~bar', '~baz']],
      ['tun0', ['~.']],
    ])
  })

  it('D7 servers of links that insist on TLS are asked by their name, or by their address if they have none, at their port', () => {
    const servers = [
      'Global: 192.0.2.1#dns.example.org 192.0.2.2 192.0.2.3:8853#x.example.org 2001:db8::1#y.example.org',
      'Link 2 (eth0): 2001:DB8::53 192.0.2.9 192.0.2.9:5353',
      'Link 3 (wlan0): [fe80::1%wlan0]:853#x.example.org [fe80::2]:8853%wlan0#x.example.org fe80::3%wlan0 nonsense:1 192.0.2.4:99999',
      'Link 4 (tun0): 100.100.111.1 100.100.111.1:5353',
    ]
    const modes = 'Global: yes\nLink 2 (eth0): opportunistic\nLink 3 (wlan0): yes\nLink 4 (tun0): no\n'
    const found = specialServers(parseResolvectl(servers.join('\n')), parseResolvectl(modes))
    expect(found.map(({ server, name }) => [server, name])).to.deep.equal([
      ['192.0.2.1:853', 'dns.example.org'],
      ['192.0.2.2:853', '192.0.2.2'],
      ['192.0.2.3:8853', 'x.example.org'],
      ['[2001:db8::1]:853', 'y.example.org'],
      ['192.0.2.9:5353', undefined],
      ['[fe80::1%wlan0]:853', 'x.example.org'],
      ['[fe80::2%wlan0]:8853', 'x.example.org'],
      ['[fe80::3%wlan0]:853', 'fe80::3%wlan0'],
    ])
  })
})
