import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { createResolverConfiguration, createSystemResolvers } from '../../../hosts/runtime/index.ts'
import { Upkeep } from '../../../hosts/runtime/linux/upkeep.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

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

  let clock: VirtualClock
  let upkeep: Upkeep
  beforeEach(() => {
    clock = new VirtualClock()
    upkeep = new Upkeep({ role: 'client', clock })
  })

  const configuration = (mode: 'auto' | 'resolv-conf' = 'resolv-conf') =>
    createResolverConfiguration({ mode, path, upkeep: new Upkeep({ role: 'client', clock: new VirtualClock() }) })
  /** Client's resolver that is kept in force in virtual time. */
  const kept = () => createResolverConfiguration({ mode: 'resolv-conf', path, upkeep })
  /** Lets as much time pass as a comparison and the repair take. */
  const settle = async (): Promise<void> => {
    for (let at = 0; at < 6; at++) {
      clock.advance(2_000)
      await upkeep.inTurn(() => Promise.resolve())
    }
  }
  /** Writes a file as another program did a while ago. */
  const write = (file: string, text: string, how: 'in place' | 'by rename' = 'in place'): void => {
    const temporary = how === 'in place' ? file : `${file}.new`
    writeFileSync(temporary, text)
    utimesSync(temporary, 1_000_000_000, 1_000_000_000)
    renameSync(temporary, file)
  }
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

  for (const how of ['in place', 'by rename'] as const) {
    for (const [which, text, servers] of [
      ['the same servers', `${ORIGINAL}# by DHCP\n`, ['192.0.2.53:53', '[2001:db8::53]:53']],
      ['other servers', 'nameserver 198.51.100.53\n', ['198.51.100.53:53']],
      ['no servers', '# nothing\n', []],
    ] as const) {
      it(`M1 D8 a resolv.conf that DHCP writes anew ${how}, with ${which}, is set again, and that file comes back on stop`, async () => {
        const resolver = kept()
        await resolver.set(SETTINGS)
        write(path, text, how)
        await settle()
        expect(current()).to.contain('nameserver 100.100.111.1')
        expect(createSystemResolvers({ path }).servers()).to.deep.equal(servers)
        await resolver.restore()
        expect(current()).to.equal(text)
        expect(readdirSync(folder)).to.deep.equal(['resolv.conf'])
      })
    }
  }

  it('M1 a program that writes resolv.conf five times in a minute is reported and has its way', async () => {
    const resolver = kept()
    await resolver.set(SETTINGS)
    for (let at = 0; at < 5; at++) {
      write(path, `nameserver 198.51.100.${at}\n`)
      await settle()
    }
    expect(upkeep.problems().map(({ code, blocks }) => [code, blocks])).to.deep.equal([['contested', true]])
    expect(current()).to.equal('nameserver 198.51.100.4\n')
    await resolver.restore()
    expect(current()).to.equal('nameserver 198.51.100.4\n')
  })

  describe('a resolv.conf that links to the file of another program, as of NetworkManager, resolvconf or WSL', () => {
    let target: string
    beforeEach(() => {
      target = join(folder, 'elsewhere')
      rmSync(path)
      symlinkSync(target, path)
    })
    const whole = (): unknown => [readlinkSync(path), readFileSync(target, 'utf8'), readdirSync(folder).sort()]

    it('M1 D8 is set in that file, also when its program writes it anew, and is restored on stop and after a crash', async () => {
      writeFileSync(target, ORIGINAL)
      const resolver = kept()
      await resolver.set(SETTINGS)
      expect([readlinkSync(path), readFileSync(target, 'utf8')].join()).to.contain('nameserver 100.100.111.1')
      expect(createSystemResolvers({ path }).servers()).to.deep.equal(['192.0.2.53:53', '[2001:db8::53]:53'])
      write(target, 'nameserver 198.51.100.53\n', 'by rename')
      await settle()
      expect(readFileSync(target, 'utf8')).to.contain('nameserver 100.100.111.1')
      await resolver.restore()
      const restored = [target, 'nameserver 198.51.100.53\n', ['elsewhere', 'resolv.conf']]
      expect(whole()).to.deep.equal(restored)
      await configuration().set(SETTINGS)
      await configuration().restore()
      expect(whole()).to.deep.equal(restored)
    })

    it('M1 is followed where it leads elsewhere, and the file of before is as it was', async () => {
      const other = join(folder, 'other')
      writeFileSync(target, ORIGINAL)
      writeFileSync(other, 'nameserver 198.51.100.53\n')
      const resolver = kept()
      await resolver.set(SETTINGS)
      symlinkSync(other, `${path}.new`)
      utimesSync(other, 1_000_000_000, 1_000_000_000)
      renameSync(`${path}.new`, path)
      await settle()
      expect(readFileSync(target, 'utf8')).to.equal(ORIGINAL)
      expect(readFileSync(other, 'utf8')).to.contain('nameserver 100.100.111.1')
      await resolver.restore()
      expect(readFileSync(other, 'utf8')).to.equal('nameserver 198.51.100.53\n')
      expect(readdirSync(folder).sort()).to.deep.equal(['elsewhere', 'other', 'resolv.conf'])
    })

    it('M4 is a problem while that file is not there, and is set as soon as it is', async () => {
      const resolver = kept()
      const refused = await resolver.set(SETTINGS).catch((error: unknown) => error)
      expect(refused).to.include({ code: 'RESOLV_CONF_LINK' })
      expect(upkeep.problems().map(({ code, blocks }) => [code, blocks])).to.deep.equal([['resolv_conf_link', true]])
      expect(upkeep.problems()[0]?.remedy).to.match(/^Start the program/)
      writeFileSync(target, ORIGINAL)
      await settle()
      expect(upkeep.problems()).to.deep.equal([])
      expect(readFileSync(target, 'utf8')).to.contain('nameserver 100.100.111.1')
      await resolver.restore()
      expect(whole()).to.deep.equal([target, ORIGINAL, ['elsewhere', 'resolv.conf']])
    })
  })

  it('the setting `none` leaves resolv.conf alone', async () => {
    const resolver = createResolverConfiguration({ mode: 'none', path })
    await resolver.set(SETTINGS)
    await resolver.restore()
    expect(current()).to.equal(ORIGINAL)
    expect(existsSync(`${path}.before-portreeve`)).to.equal(false)
  })

  it('the setting `auto` takes resolv.conf where systemd-resolved does not own it', async () => {
    const resolver = configuration('auto')
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
