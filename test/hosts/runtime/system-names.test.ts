import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemNames } from '../../../hosts/runtime/index.ts'

describe('how the system finds names', () => {
  let folder: string
  const file = (name: string): string => join(folder, name)
  const write = (name: string, text: string): void => writeFileSync(file(name), text)
  const names = (hostName = 'gateway') =>
    createSystemNames({
      hosts: file('hosts'),
      nsswitch: file('nsswitch.conf'),
      resolvConf: file('resolv.conf'),
      resolved: file('resolved.conf'),
      hostName: () => hostName,
    })

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'names-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('system names are read from the hosts file: aliases, comments, several lines, any case; no address of one link', () => {
    write(
      'hosts',
      '10.0.0.5 Wiki.corp.example wiki # 10.0.0.9 no\n#10.0.0.8 wiki\nfd12::5\twiki.corp.example.\n10.0.0.5 wiki\nfe80::1%eth0 link\nbad wiki\n',
    )
    const system = names()
    expect(system.hostAddresses('wiki.corp.example')).to.deep.equal(['10.0.0.5', 'fd12::5'])
    expect(system.hostAddresses('wiki')).to.deep.equal(['10.0.0.5'])
    expect(system.hostAddresses('link')).to.equal(undefined)
    expect(system.hostAddresses('constructor')).to.equal(undefined)
  })

  it('system names see the hosts file change, written in place or put in its place, come and go', () => {
    const system = names()
    expect(system.hostAddresses('wiki')).to.equal(undefined)
    write('hosts', '10.0.0.5 wiki\n')
    expect(system.hostAddresses('wiki')).to.deep.equal(['10.0.0.5'])
    write('hosts', '10.0.0.6 wiki\n')
    expect(system.hostAddresses('wiki')).to.deep.equal(['10.0.0.6'])
    write('other', '10.0.0.7 wiki\n')
    renameSync(file('other'), file('hosts'))
    expect(system.hostAddresses('wiki')).to.deep.equal(['10.0.0.7'])
    rmSync(file('hosts'))
    expect(system.hostAddresses('wiki')).to.equal(undefined)
  })

  it('system names keep to the order of nsswitch.conf', () => {
    write('hosts', '10.0.0.5 wiki\n')
    for (const [line, reads, serversFirst] of [
      ['passwd: files', true, false],
      ['hosts: files dns', true, false],
      ['hosts:\tfiles mdns4_minimal [NOTFOUND=return] dns myhostname', true, false],
      ['hosts: dns files # files dns', true, true],
      ['hosts: dns', false, false],
      ['hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns', true, false],
      ['#hosts: dns files\nhosts: files', true, false],
    ] as const) {
      write('nsswitch.conf', `${line}\n`)
      const system = names()
      expect(system.hostAddresses('wiki') !== undefined, line).to.equal(reads)
      expect(system.asksServersFirst(), line).to.equal(serversFirst)
    }
  })

  it('system names take the search list of resolv.conf, the last of several, and else the domain of the host', () => {
    const system = names('gateway.corp.example')
    expect(system.searchDomains()).to.deep.equal(['corp.example'])
    write('resolv.conf', 'domain old.example\nnameserver 192.0.2.53\nsearch A.example. b.example\n')
    expect(system.searchDomains()).to.deep.equal(['a.example', 'b.example'])
    write('resolv.conf', 'search a.example\ndomain b.example c.example\n')
    expect(system.searchDomains()).to.deep.equal(['b.example'])
    write('resolv.conf', 'search .\n')
    expect(system.searchDomains()).to.deep.equal([])
    expect(names('gateway').searchDomains()).to.deep.equal([])
    write('resolv.conf', 'nameserver 127.0.0.53\n')
    write('resolved.conf', 'search site.example\n')
    expect(system.searchDomains()).to.deep.equal(['site.example'])
  })
})
