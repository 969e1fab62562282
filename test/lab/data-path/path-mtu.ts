import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import type { Bed } from '../bed/bed.ts'
import type { Seen } from '../bed/site-server.ts'
import { CLIENT_HOST, GATEWAY_HOST, ipv4Of, ipv6Of, TARGET_HOST } from '../bed/topology.ts'
import { knowsMtu } from './known-mtu.ts'

/** MTU that every path carries, and the tunnel device's own by default. */
export const MIN_MTU = 1280
export const TUNNEL_MTU = 1408

/** Waits until a client sends packets of so many bytes to its gateway, and none longer. */
export const mtuIs = async (bed: Bed, mtu: number): Promise<void> => {
  let known: number | undefined
  await eventually(
    async () => {
      known = (await bed.status()).gateways.find(({ path }) => path !== null)?.mtu
      return known === mtu ? true : undefined
    },
    { what: `a path that takes ${mtu} bytes`, timeoutMs: PATIENCE_MS },
  ).catch((error: unknown) => {
    throw new Error(`it takes ${known} bytes`, { cause: error })
  })
}

/**
 * Tests of statement T10: probing finds larger paths and uses them, and finds smaller ones, even if no ICMP error
 * reports them.
 */
export const pathMtuTests = (bed: () => Bed): void => {
  const target = ipv4Of('site', TARGET_HOST)

  /** Lowers the MTU between client and gateway, without any ICMP error. */
  const narrow = async (mtu: number): Promise<void> => {
    const router = bed().network.routers.internet
    await router.mustRun('nft', ['-f', '-'], { input: MUTE })
    for (const { network, host } of ENDS) {
      await router.ip(['route', 'replace', ipv4Of(network, host), 'dev', network, 'mtu', 'lock', String(mtu)])
      await router.ip(['-6', 'route', 'replace', ipv6Of(network, host), 'dev', network, 'mtu', String(mtu)])
    }
  }

  const widen = async (): Promise<void> => {
    const router = bed().network.routers.internet
    await router.run('nft', ['delete', 'table', 'inet', 'mute'])
    for (const { network, host } of ENDS) {
      await router.run('ip', ['route', 'delete', ipv4Of(network, host)])
      await router.run('ip', ['-6', 'route', 'delete', ipv6Of(network, host)])
    }
  }

  const restart = async (): Promise<void> => {
    await bed().stopPart('client')
    await bed().startClient('client')
    await bed().knows('target')
  }

  const ping = async (bytes: number): Promise<string> => {
    const [address = ''] = await bed().resolve('wiki.example.org')
    const { stdout, stderr } = await bed()
      .machine('client')
      .run('ping', ['-c', '1', '-W', '5', '-M', 'do', '-s', String(bytes - 28), address], { timeoutMs: PATIENCE_MS })
    return stdout + stderr
  }

  /**
   * Waits until new connections have segments for packets of so many bytes: each end knows the path in its direction.
   */
  const segmentsFit = async (mtu: number): Promise<void> => {
    await eventually(
      async () => {
        const client = bed().machine('client')
        const { stdout } = await client.mustRun('python3', ['-c', SEGMENT_SIZE, target])
        // 40 bytes of headers, and 12 of time stamps.
        if (Number(stdout) === mtu - 40 - 12) return true
        throw new Error(`segments of ${stdout.trim()} bytes`)
      },
      { what: `segments for packets of ${mtu} bytes`, timeoutMs: PATIENCE_MS },
    )
  }

  const download = async (bytes: number, seconds = 60): Promise<string> => {
    const args = ['-sS', '-m', String(seconds), '-o', '/dev/null', '-w', '%{http_code} %{size_download}']
    const { stdout } = await bed()
      .machine('client')
      .mustRun('curl', [...args, `http://${target}/?bytes=${bytes}`], { timeoutMs: (seconds + 10) * 1_000 })
    return stdout
  }

  const upload = async (body: string): Promise<void> => {
    const { stdout } = await bed()
      .machine('client')
      .mustRun('curl', ['-sS', '--data-binary', '@-', `http://${target}/`], { input: body, timeoutMs: PATIENCE_MS })
    const { bytes, sha256 } = JSON.parse(stdout) as Seen
    expect({ bytes, sha256 }).to.deep.equal({
      bytes: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
    })
  }

  describe('T10 the path MTU between client and gateway', () => {
    afterEach(widen)

    it('T10 a path of 1500 bytes carries packets of 1408, and connections have segments that just fit', async () => {
      await restart()
      expect(await ping(900)).to.include('1 received')
      await mtuIs(bed(), TUNNEL_MTU)
      expect(await ping(TUNNEL_MTU)).to.include('1 received')
      await segmentsFit(TUNNEL_MTU)
    })

    it('T10 a path that carries less than 1500 bytes, without an ICMP error, is found before packets are lost', async () => {
      await narrow(1_420)
      await restart()
      expect(await ping(900)).to.include('1 received')
      // Outside the tunnel, 1376 bytes are 1436 over IPv4 and 1456 over IPv6, 1328 are 1388 and 1408.
      await mtuIs(bed(), 1_328)
      expect(await ping(1_328)).to.include('1 received')
      expect(await ping(1_329)).to.match(/mtu ?= ?1328|message too long/i)
      expect(await download(300_000)).to.equal('200 300000')
      await upload('portreeve '.repeat(30_000))
    })

    it('T10 a path that carries no more than it must carries every packet of 1280 bytes', async () => {
      await narrow(1_370)
      await restart()
      expect(await ping(900)).to.include('1 received')
      await mtuIs(bed(), MIN_MTU)
      expect(await ping(MIN_MTU)).to.include('1 received')
      expect(await download(300_000)).to.equal('200 300000')
      await upload('portreeve '.repeat(30_000))
    })

    it('T10 a path that becomes smaller under a download, without an ICMP error, does not end the download', async () => {
      await restart()
      expect(await ping(900)).to.include('1 received')
      await segmentsFit(TUNNEL_MTU)
      const reader = bed().machine('client').spawn('python3', ['-c', SLOW_DOWNLOAD, target], { name: 'a download' })
      try {
        await reader.line((line) => line === 'begun', { timeoutMs: PATIENCE_MS })
        await narrow(1_420)
        // The gateway tells the site, whose kernel learns the MTU only from it: first the size that every path carries,
        // while larger ones are tried. Kernels keep the least that they have heard.
        const mtu = [MIN_MTU, 1_328]
        await knowsMtu(bed().machine('target'), { address: ipv4Of('site', GATEWAY_HOST), mtu })
        await mtuIs(bed(), 1_328)
        reader.kill('SIGUSR1')
        expect(await reader.line((line) => line.startsWith('end'), { timeoutMs: PATIENCE_MS })).to.equal('end whole')
      } finally {
        reader.kill()
        await bed().machine('target').mustRun('ip', ['route', 'flush', 'cache'])
      }
    })
  })
}

const ENDS = [
  { network: 'lan', host: CLIENT_HOST },
  { network: 'outside', host: GATEWAY_HOST },
] as const

/** Rules of nft that keep the router between both ends from reporting "packet too big". */
const MUTE = `
table inet mute {
  chain output {
    type filter hook output priority filter
    ip daddr { ${ENDS.map(({ network, host }) => ipv4Of(network, host)).join(', ')} } icmp type destination-unreachable icmp code frag-needed drop
    ip6 daddr { ${ENDS.map(({ network, host }) => ipv6Of(network, host)).join(', ')} } icmpv6 type packet-too-big drop
  }
}
`

/**
 * Script that prints the segment size of the kernel for a connection to the address, without the option that all its
 * segments have.
 */
const SEGMENT_SIZE = `
import socket, sys
connection = socket.create_connection((sys.argv[1], 80), timeout=20)
print(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
`

/**
 * Script that reads one download slowly until SIGUSR1, then some more, and checks every byte. Only a connection that
 * began before has segments that are too long, and it has to last until the ends have found out: a router may cut IPv4
 * packets into fragments, and kernels take 32 MiB ahead of a reader.
 */
const SLOW_DOWNLOAD = `
import http.client, signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
connection = http.client.HTTPConnection(sys.argv[1])
connection.sock = socket.socket()
connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
connection.sock.settimeout(60)
connection.sock.connect((sys.argv[1], 80))
connection.request('GET', '/?bytes=100000000')
response = connection.getresponse()
def is_next():
    return response.read(8000) == b'portreeve ' * 800
whole = is_next()
print('begun', flush=True)
while not signal.sigtimedwait([signal.SIGUSR1], 0.005): whole = whole and is_next()
for _ in range(100): whole = whole and is_next()
print('end', 'whole' if whole else 'with holes', flush=True)
`
