import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { createResolverConfiguration, createSystemResolvers } from '../../../hosts/runtime/index.ts'

const ORIGINAL = 'search corp.example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions edns0 trust-ad\n'
const SETTINGS = { device: 'tun-test', servers: ['100.100.111.1'], searchDomain: 'example.org' }

describe('resolv.conf', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'portreeve-resolv-'))
    path = join(folder, 'resolv.conf')
    writeFileSync(path, ORIGINAL)
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  const configuration = () => createResolverConfiguration({ mode: 'resolv-conf', path })
  const current = (): string => readFileSync(path, 'utf8')

  it('D7 resolv.conf names the servers and the search domain, and keeps the earlier options and domains', async () => {
    await configuration().set(SETTINGS)
    const lines = current().split('\n').slice(1)
    expect(lines).to.deep.equal([
      'nameserver 100.100.111.1',
      'search example.org corp.example.org',
      'options edns0 trust-ad',
      '',
    ])
  })

  it('D8 resolv.conf is restored on stop, byte for byte, with nothing left beside it', async () => {
    const resolver = configuration()
    await resolver.set(SETTINGS)
    await resolver.set({ ...SETTINGS, servers: ['100.100.111.2'] })
    expect(current()).to.contain('100.100.111.2')
    await resolver.restore()
    expect(current()).to.equal(ORIGINAL)
    expect(readdirSync(folder)).to.deep.equal(['resolv.conf'])
    await resolver.restore()
    expect(current()).to.equal(ORIGINAL)
  })

  it('D8 resolv.conf is restored at the next start after a crash, whether that sets it again or not', async () => {
    await configuration().set(SETTINGS)
    await configuration().restore()
    expect(current()).to.equal(ORIGINAL)
    await configuration().set(SETTINGS)
    const second = configuration()
    await second.set({ ...SETTINGS, searchDomain: undefined })
    await second.restore()
    expect(current()).to.equal(ORIGINAL)
  })

  it('resolv.conf is left alone where somebody else wrote it meanwhile', async () => {
    const resolver = configuration()
    await resolver.set(SETTINGS)
    writeFileSync(path, 'nameserver 198.51.100.53\n')
    await resolver.restore()
    expect(current()).to.equal('nameserver 198.51.100.53\n')
    expect(readdirSync(folder)).to.deep.equal(['resolv.conf'])
  })

  it('resolv.conf survives a crash between the backup and the change', async () => {
    writeFileSync(`${path}.before-portreeve`, ORIGINAL)
    const resolver = configuration()
    await resolver.set(SETTINGS)
    await resolver.restore()
    expect(current()).to.equal(ORIGINAL)
  })

  it('resolv.conf keeps its mode', async () => {
    const before = statSync(path).mode
    await configuration().set(SETTINGS)
    expect(statSync(path).mode).to.equal(before)
  })

  it('a resolv.conf that is a symbolic link is refused with what to do, and not changed', async () => {
    const target = join(folder, 'elsewhere')
    writeFileSync(target, ORIGINAL)
    rmSync(path)
    symlinkSync(target, path)
    const refused = await configuration()
      .set(SETTINGS)
      .catch((error: unknown) => error)
    expect(refused).to.include({ code: 'RESOLV_CONF_LINK' })
    expect(readFileSync(target, 'utf8')).to.equal(ORIGINAL)
    expect(readdirSync(folder).sort()).to.deep.equal(['elsewhere', 'resolv.conf'])
  })

  it('the setting `none` leaves resolv.conf alone', async () => {
    const resolver = createResolverConfiguration({ mode: 'none', path })
    await resolver.set(SETTINGS)
    await resolver.restore()
    expect(current()).to.equal(ORIGINAL)
    expect(existsSync(`${path}.before-portreeve`)).to.equal(false)
  })

  it('the setting `auto` takes resolv.conf where systemd-resolved does not own it', async () => {
    const resolver = createResolverConfiguration({ path })
    await resolver.set(SETTINGS)
    expect(current()).to.contain('nameserver 100.100.111.1')
    await resolver.restore()
    expect(current()).to.equal(ORIGINAL)
  })

  describe('resolv.conf as the source of the system resolvers', () => {
    const servers = (): readonly string[] => createSystemResolvers({ path }).servers()

    it('resolv.conf names its own servers before, while and after Portreeve stands in its place', async () => {
      const expected = ['192.0.2.53:53', '[2001:db8::53]:53']
      expect(servers()).to.deep.equal(expected)
      const resolver = configuration()
      await resolver.set(SETTINGS)
      expect(servers()).to.deep.equal(expected)
      await resolver.restore()
      expect(servers()).to.deep.equal(expected)
    })

    it('D2 the system resolvers never include a sentinel, nor what is no address', () => {
      writeFileSync(
        path,
        'nameserver 100.100.111.1\nnameserver fd00:2021:1111:8000:100:100:111:7\nnameserver example\n# nameserver 192.0.2.1\n' +
          ' nameserver\t192.0.2.2\nnameserver 192.0.2.2\n',
      )
      expect(servers()).to.deep.equal(['192.0.2.2:53'])
    })

    it('T10 the system resolvers include a link-local server with its zone, and none with what is no zone', () => {
      writeFileSync(
        path,
        'nameserver FE80:0::1%eth0\nnameserver fe80::1%2\nnameserver 2001:db8::1%eth0\nnameserver fe80::1%\n' +
          'nameserver fe80::1%eth0%eth1\nnameserver 192.0.2.1%eth0\nnameserver fe80::1%averyverylongname\n',
      )
      expect(servers()).to.deep.equal(['[fe80::1%eth0]:53', '[fe80::1%2]:53'])
    })

    it('there are no system resolvers where there is no resolv.conf', () => {
      rmSync(path)
      expect(servers()).to.deep.equal([])
    })
  })
})
