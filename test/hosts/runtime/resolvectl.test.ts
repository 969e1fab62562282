import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parseResolvectl } from '../../../hosts/runtime/linux/resolvectl.ts'
import { serversOverTls } from '../../../hosts/runtime/linux/system-resolvers.ts'

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

  it('D7 servers of links that insist on TLS are asked by their name, or by their address if they have none', () => {
    const servers =
      'Global: 192.0.2.1#dns.example.org 192.0.2.2\nLink 2 (eth0): 2001:DB8::53\nLink 3 (wlan0): [fe80::1%wlan0]:853#x.example.org\n'
    const modes = 'Global: yes\nLink 2 (eth0): opportunistic\nLink 3 (wlan0): yes\n'
    expect([...serversOverTls(parseResolvectl(servers), parseResolvectl(modes))]).to.deep.equal([
      ['192.0.2.1', 'dns.example.org'],
      ['192.0.2.2', '192.0.2.2'],
      ['fe80::1%wlan0', 'x.example.org'],
    ])
  })
})
