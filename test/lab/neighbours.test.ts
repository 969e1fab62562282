import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { before, describe, it } from 'mocha'
import { PATIENCE_MS } from '../kit/patience.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import { useBed } from './bed/use-bed.ts'
import { ADMIN_PORT, CLIENT_HOST, GATEWAY_HOST, ipv4Of, ipv6Of, TARGET_HOST, WEB_PORT } from './bed/topology.ts'

const probe = fileURLToPath(new URL('neighbour-probe.js', import.meta.url))
const OWN = ['100.64.0.0/10', 'fd00:2021:1111::/48']
/** Ports that the product listens on, and one that nothing listens on. */
const PORTS = [53, 5300, 53_535, 52_625, 9]

/**
 * Statements P9 and D16: neighbours send packets for tunnel addresses to a client and a gateway, with and without
 * forwarding there; and T11, what a client's containers are told.
 */
describe('a neighbour of a client and of a gateway', function () {
  this.timeout(240_000)
  const bed = useBed(async (made) => {
    await made.resource('network', '10.20.0.0/24')
    await made.resource('web', 'web.example.org', [{ protocol: 'tcp', ports: [String(WEB_PORT)] }])
    await made.startGateway('gateway')
    await made.startClient('client')
    await made.knows('web')
  })

  before(async () => {
    for (const [neighbour, ipv4, ipv6] of [
      ['neighbour', ipv4Of('lan', CLIENT_HOST), ipv6Of('lan', CLIENT_HOST)],
      ['public', ipv4Of('outside', GATEWAY_HOST), ipv6Of('outside', GATEWAY_HOST)],
    ] as const) {
      const machine = bed().machine(neighbour)
      for (const prefix of OWN) await machine.route({ to: prefix, via: prefix.includes(':') ? ipv6 : ipv4 })
    }
    // The kernel's filter of forged senders is off: the product must not rely on it.
    for (const name of ['client', 'gateway']) {
      const off = ['all', 'default', name === 'client' ? 'lan' : 'outside', 'lo'].map(
        (dev) => `net.ipv4.conf.${dev}.rp_filter=0`,
      )
      await bed()
        .machine(name)
        .mustRun('sysctl', ['-qw', ...off])
    }
  })

  const addressesOf = async (machine: string, device: string): Promise<string[]> => {
    const shown = JSON.parse(await bed().machine(machine).ip(['-j', 'address', 'show', 'dev', device])) as {
      addr_info: { local: string }[]
    }[]
    return shown.flatMap(({ addr_info }) => addr_info.map(({ local }) => local))
  }

  const listening = async (machine: string): Promise<number[]> => {
    const { stdout } = await bed().machine(machine).mustRun('ss', ['-Htuln'])
    return [...stdout.matchAll(/:(\d+)\s+\S+:\*/g)].map(([, port]) => Number(port))
  }

  /** Flushes nft's rules until the product leaves that to whoever keeps doing it. */
  const flushForGood = async (role: 'client' | 'gateway'): Promise<void> => {
    const parts = ['filter against neighbours', ...(role === 'gateway' ? ['forwarding rules'] : [])]
    await eventually(
      async () => {
        await bed().machine(role).mustRun('nft', ['flush', 'ruleset'])
        const { output } = bed().part(role)
        return parts.every((part) => output.includes(`keeps undoing the ${part}`)) ? true : undefined
      },
      { what: `the ${role} gives up its rules`, timeoutMs: PATIENCE_MS },
    )
  }

  const heard = async (neighbour: string, address: string, ports: readonly number[]): Promise<string[]> => {
    const input = JSON.stringify({ address, ports: [...new Set(ports)] })
    const { stdout } = await bed()
      .machine(neighbour)
      .mustRun(process.execPath, [probe, input], { timeoutMs: PATIENCE_MS })
    return JSON.parse(stdout) as string[]
  }

  for (const [role, device, neighbour] of [
    ['client', 'tun-portreeve', 'neighbour'],
    ['gateway', 'tun-gateway', 'public'],
  ] as const) {
    it(`P9 D16 a neighbour hears nothing of a ${role} at its tunnel addresses, in both families, by TCP, UDP and ping`, async () => {
      const [addresses, open] = [await addressesOf(role, device), await listening(role)]
      expect(addresses).to.have.length(2)
      expect(open).to.have.length.above(0)
      for (const address of addresses)
        expect(await heard(neighbour, address, [...PORTS, ...open]), address).to.deep.equal([])
    })

    it(`D16 a neighbour reaches no name service of a ${role} whose nft rules were flushed`, async () => {
      const [addresses, open] = [await addressesOf(role, device), await listening(role)]
      const { stdout: rules } = await bed().machine(role).mustRun('nft', ['list', 'ruleset'])
      await flushForGood(role)
      try {
        for (const address of addresses) {
          const answers = await heard(neighbour, address, [...PORTS, ...open])
          // A gateway's kernel answers; what a client's says from its tunnel address has no way but into the tunnel.
          if (role === 'gateway') expect(answers, address).to.include('ping')
          expect(
            answers.filter((each) => role === 'client' || /open|answer/.test(each)),
            address,
          ).to.deep.equal([])
        }
      } finally {
        await bed().machine(role).mustRun('nft', ['-f', '-'], { input: rules })
      }
    })
  }

  it('D16 a neighbour gets no way into the tunnel by a client that forwards and masquerades, though its containers do', async () => {
    const client = bed().machine('client')
    const mapped = [...(await bed().resolve('web.example.org')), ...(await bed().resolve('web.example.org', 'AAAA'))]
    expect(mapped).to.have.length(8)
    await client.mustRun('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'])
    const nat = ['ip', 'ip6'].map(
      (family) => `table ${family} theirs {
        chain postrouting {
          type nat hook postrouting priority srcnat
          oifname "tun-portreeve" masquerade
        }
      }`,
    )
    await client.mustRun('nft', ['-f', '-'], { input: nat.join('\n') })
    // A container's network: a bridge on the client's own machine.
    await client.bridge('docker0')
    await client.address('docker0', '172.17.0.1/16')
    const container = await bed().join('container', [])
    await container.veth({ device: 'eth0', to: client, toDevice: 'veth-c', toBridge: 'docker0' })
    await container.address('eth0', '172.17.0.2/16')
    await container.route({ to: 'default', via: '172.17.0.1' })
    const [web = ''] = mapped
    const page = ['-sS', '--max-time', '20', '-H', 'Host: web.example.org', `http://${web}/`]
    // The gateway serves as soon as it finds its rules in force again, which were flushed before.
    await eventually(async () => ((await container.run('curl', page)).code === 0 ? true : undefined), {
      what: 'the page comes to the container',
      timeoutMs: PATIENCE_MS,
    })
    for (const address of [mapped[0] ?? '', mapped[4] ?? '', '100.100.111.1']) {
      expect(await heard('neighbour', address, [WEB_PORT, ADMIN_PORT, 53]), address).to.deep.equal([])
    }
    // Destinations outside the tunnel are unreachable, and reported so, as by any router that does not forward.
    await bed()
      .machine('neighbour')
      .route({ to: '10.20.0.0/24', via: ipv4Of('lan', CLIENT_HOST) })
    const answers = await heard('neighbour', ipv4Of('site', TARGET_HOST), [WEB_PORT])
    expect(answers.filter((each) => /open|answer|ping/.test(each))).to.deep.equal([])
    expect(answers.join()).to.match(/tcp 80 E/)
  })

  it('T11 a container behind a client without masquerading is told at once that its packets do not pass', async () => {
    const client = bed().machine('client')
    for (const family of ['ip', 'ip6']) await client.mustRun('nft', ['delete', 'table', family, 'theirs'])
    const container = bed().machine('container')
    await client.address('docker0', 'fd00:db8:17::1/64')
    await container.address('eth0', 'fd00:db8:17::2/64')
    await container.route({ to: '::/0', via: 'fd00:db8:17::1' })
    // RFC 4443 §3.1 and RFC 1812 §5.2.7.1: "administratively prohibited", in Linux's words.
    for (const [type, error] of [
      ['A', 'EHOSTUNREACH'],
      ['AAAA', 'EACCES'],
    ] as const) {
      const [web = ''] = await bed().resolve('web.example.org', type)
      expect(await heard('container', web, [WEB_PORT])).to.deep.equal([`tcp 80 ${error}`, `udp 80 ${error}`])
    }
    await eventually(
      async () => {
        const counts = Object.values((await bed().status()).dropped)
        return counts.some((reasons) => (reasons['source-not-own'] ?? 0) >= 4) ? true : undefined
      },
      { what: 'the client counts them', timeoutMs: PATIENCE_MS },
    )
  })
})
