import { expect } from 'chai'
import { describe, it } from 'mocha'
import { createHash } from 'node:crypto'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { fetchPage } from '../../../hosts/lab/page.ts'
import type { Bed } from '../bed/bed.ts'
import type { Seen } from '../bed/site-server.ts'
import { FAR_HOST, FAR_MTU, GATEWAY_HOST, ipv4Of, TARGET_HOST } from '../bed/topology.ts'
import { FAMILIES } from './families.ts'
import { knowsMtu } from './known-mtu.ts'
import { MIN_MTU, mtuIs, TUNNEL_MTU } from './path-mtu.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const ASK_BY_UDP = `
import socket, sys
asking = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(20)
asking.connect((sys.argv[1], int(sys.argv[2])))
asking.send(b'?')
try:
    print(asking.recv(100))
except OSError as error:
    print(type(error).__name__)
`

/**
 * Tests of statement T7: the network's errors about packets come back through NAT, and the packets' contents arrive as
 * they were sent.
 */
export const errorTests = (bed: () => Bed): void => {
  const ping = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await bed()
      .machine('client')
      .run('ping', ['-c', '1', '-W', '20', ...args], { timeoutMs: PATIENCE_MS })
    return stdout + stderr
  }

  /** Uploads a body; returns the length and the hash that the server has read. */
  const upload = async (url: string, body: string): Promise<Pick<Seen, 'bytes' | 'sha256'>> => {
    const { stdout } = await bed()
      .machine('client')
      .mustRun('curl', ['-sS', ...(url.includes('[') ? [] : ['-4']), '--data-binary', '@-', url], {
        input: body,
        timeoutMs: PATIENCE_MS,
      })
    const { bytes, sha256 } = JSON.parse(stdout) as Seen
    return { bytes, sha256 }
  }

  describe('T7 ICMP errors, packet sizes and ECN marks', () => {
    for (const { family, of, flag, literal, type } of FAMILIES) {
      it(`T7 a closed port is refused at once, ${family}`, async () => {
        const name = 'wiki.example.org'
        const [address = ''] = await bed().resolve(name, type)
        const answer = await fetchPage(bed().machine('client'), `http://${literal(address)}:9/`, {
          timeoutMs: PATIENCE_MS,
        })
        expect(answer.ok ? 0 : answer.code).to.equal(7)
        // UDP: the target's kernel answers with port unreachable, which the client's socket is told of.
        const { stdout } = await bed()
          .machine('client')
          .mustRun('python3', ['-c', ASK_BY_UDP, address, '9'], { timeoutMs: PATIENCE_MS })
        expect(stdout.trim()).to.equal('ConnectionRefusedError')
      })

      it(`T7 a router on the site reports an exceeded hop limit, quoting the packet as the client sent it, ${family}`, async () => {
        // The gateway is the first hop, the site's router the second.
        const far = of('far', FAR_HOST)
        await eventually(
          async () =>
            /Time to live exceeded|Time exceeded/.test(await ping(flag, '-W', '2', '-t', '2', far)) ? true : undefined,
          { what: 'time exceeded', timeoutMs: PATIENCE_MS }, // routers limit how many of them they send
        )
        expect(await ping(flag, far)).to.include('1 received')
      })

      it(`T7 a router reports an exceeded hop limit for a name, with the quoted addresses translated back, ${family}`, async () => {
        const [address = ''] = await bed().resolve('far.example.org', type)
        await eventually(
          async () =>
            /Time to live exceeded|Time exceeded/.test(await ping(flag, '-W', '2', '-t', '2', address))
              ? true
              : undefined,
          { what: 'time exceeded', timeoutMs: PATIENCE_MS }, // routers limit how many of them they send
        )
        expect(await ping(flag, address)).to.include('1 received')
      })

      it(`T7 ECN marks survive in both directions, ${family}`, async () => {
        const on = ['-qw', 'net.ipv4.tcp_ecn=1']
        for (const machine of ['client', 'target']) await bed().machine(machine).mustRun('sysctl', on)
        const there = await marked(bed(), 'target')
        const here = await marked(bed(), 'client')
        await bed()
          .machine('gateway')
          .mustRun('nft', ['-f', '-'], { input: congestion('prerouting', 'iifname "site"') })
        await bed()
          .machine('client')
          .mustRun('nft', ['-f', '-'], { input: congestion('postrouting', 'oifname "tun-portreeve"') })
        try {
          const body = 'portreeve '.repeat(20_000)
          expect(await upload(`http://${literal(of('site', TARGET_HOST))}/`, body)).to.deep.equal(whole(body))
          const { stdout } = await bed()
            .machine('client')
            .mustRun(
              'curl',
              [
                '-sS',
                '-o',
                '/dev/null',
                '-w',
                '%{http_code}',
                `http://${literal(of('site', TARGET_HOST))}/?bytes=200000`,
              ],
              { timeoutMs: PATIENCE_MS },
            )
          expect(stdout).to.equal('200')
        } finally {
          for (const machine of ['gateway', 'client'])
            await bed().machine(machine).mustRun('nft', ['delete', 'table', 'inet', 'congestion'])
        }
        // Marked before the tunnel, by the site's network and on the client's machine, and seen by the kernel behind it.
        expect(await marked(bed(), 'client')).to.be.greaterThan(here)
        expect(await marked(bed(), 'target')).to.be.greaterThan(there)
      })
    }

    for (const { family, of, flag, type, headerBytes } of FAMILIES) {
      it(`T7 a packet that does not fit into the tunnel is reported as too big, and one that just fits passes, ${family}`, async () => {
        // Every link around the tunnel has room for more.
        const onSite = await bed()
          .machine('gateway')
          .mustRun('ping', ['-c', '1', '-M', 'do', '-s', '1400', of('site', TARGET_HOST)])
        expect(onSite.stdout).to.include('1 received')
        const [address = ''] = await bed().resolve('wiki.example.org', type)
        const pingOf = (bytes: number): Promise<string> =>
          ping(flag, '-M', 'do', '-s', String(bytes - headerBytes - 8), address)
        expect(await pingOf(MIN_MTU)).to.include('1 received')
        await mtuIs(bed(), TUNNEL_MTU)
        expect(await pingOf(TUNNEL_MTU)).to.include('1 received')
        expect(await pingOf(TUNNEL_MTU + 1)).to.match(/mtu ?[=:] ?1408/)
      })

      it(`T7 a site that sends more than fits into the tunnel is told so, and sends less from then on, ${family}`, async () => {
        const [address = ''] = await bed().resolve('wiki.example.org', type)
        const gateway = of('site', GATEWAY_HOST)
        const target = bed().machine('target')
        const server = target.spawn('python3', ['-c', SEND_WHOLE, of('site', TARGET_HOST)], { name: 'sender' })
        try {
          await server.line((line) => line === 'ready')
          const { stdout } = await bed()
            .machine('client')
            .mustRun(
              'python3',
              ['-c', ASK_FOR_SIZES, address, String(1440 - headerBytes - 8), String(1300 - headerBytes - 8)],
              {
                timeoutMs: PATIENCE_MS,
              },
            )
          expect(stdout.trim().split(' ')).to.deep.equal(['refused', String(1300 - headerBytes - 8)])
          await knowsMtu(target, { address: gateway, mtu: TUNNEL_MTU })
        } finally {
          server.kill()
          await target.mustRun('ip', [flag, 'route', 'flush', 'cache'])
        }
      })
    }

    it('T7 a path with a small MTU behind the gateway is found, and a big upload arrives whole', async () => {
      const url = `http://${ipv4Of('far', FAR_HOST)}/`
      const body = 'portreeve '.repeat(30_000)
      expect(await upload(url, body)).to.deep.equal(whole(body))
      const again = async () => upload(url, body)
      await knowsMtu(bed().machine('client'), { address: ipv4Of('far', FAR_HOST), mtu: FAR_MTU, again })
      const big = await ping('-M', 'do', '-s', '1100', ipv4Of('far', FAR_HOST))
      expect(big).to.match(/mtu ?= ?1000|Frag needed|message too long/i)
      expect(await ping('-M', 'do', '-s', String(FAR_MTU - 28), ipv4Of('far', FAR_HOST))).to.include('1 received')
    })

    it('T7 a path with a small MTU is found through a name, whose addresses are translated in the quoted packet', async () => {
      const addresses = await bed().resolve('far.example.org')
      const body = 'portreeve '.repeat(30_000)
      expect(await upload('http://far.example.org/', body)).to.deep.equal(whole(body))
      const routes = await Promise.all(
        addresses.map((address) => bed().machine('client').mustRun('ip', ['route', 'get', address])),
      )
      expect(routes.map(({ stdout }) => stdout).join('')).to.include(`mtu ${FAR_MTU}`)
    })

    for (const { family, of, flag, headerBytes } of FAMILIES) {
      it(`T7 fragments are dropped and counted while whole packets go on, ${family}`, async () => {
        const far = of('far', FAR_HOST)
        const fragments = async (): Promise<number> => {
          const { dropped } = await bed().status()
          return Object.values(dropped).reduce((sum, counts) => sum + (counts['packet-fragment'] ?? 0), 0)
        }
        const before = await fragments()
        // The client's own kernel cuts this packet into two fragments.
        const lost = await ping(flag, '-s', '2000', '-M', 'dont', '-W', '1', far)
        expect(lost).to.include('0 received')
        expect((await fragments()) - before).to.be.at.least(2)
        expect(await ping(flag, '-s', String(FAR_MTU - headerBytes - 8), '-M', 'dont', far)).to.include('1 received')
      })
    }
  })
}

const whole = (body: string): Pick<Seen, 'bytes' | 'sha256'> => ({
  bytes: body.length,
  sha256: createHash('sha256').update(body).digest('hex'),
})

/**
 * Script that sends datagrams of the sizes it is asked for, whole or not at all, and reports where its kernel refuses.
 */
const SEND_WHOLE = `
import socket, sys
six = ':' in sys.argv[1]
server = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, 23 if six else 10, 2)
server.bind((sys.argv[1], 7002))
print('ready', flush=True)
while True:
    asked, who = server.recvfrom(100)
    try:
        server.sendto(b'x' * int(asked), who)
    except OSError:
        server.sendto(b'refused', who)
`

/** Script that asks for datagrams of some sizes, each until there is an answer. */
const ASK_FOR_SIZES = `
import socket, sys
asking = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(0.5)
asking.connect((sys.argv[1], 7002))
for size in sys.argv[2:]:
    for attempt in range(40):
        asking.send(size.encode())
        try:
            answer = asking.recv(2000)
            print(answer.decode() if answer == b'refused' else len(answer), end=' ')
            break
        except OSError:
            pass
`

/** Rules of nft that mark packets as congested where their sender permits it. */
const congestion = (hook: 'prerouting' | 'postrouting', match: string): string => `
table inet congestion {
  chain marks {
    type filter hook ${hook} priority mangle
    ${match} ip ecn ect0 ip ecn set ce
    ${match} ip6 ecn ect0 ip6 ecn set ce
  }
}
`

/** Number of marked packets that have come to a machine. */
const marked = async (bed: Bed, name: string): Promise<number> => {
  const { stdout } = await bed.machine(name).mustRun('nstat', ['-asz'])
  return stdout
    .split('\n')
    .filter((line) => /^Ip6?(?:Ext)?InCEPkts/.test(line))
    .reduce((sum, line) => sum + Number(line.split(/\s+/)[1]), 0)
}
