import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { fetchPage } from '../../../hosts/lab/page.ts'
import { describePacket } from '../../kit/packet-builder.ts'
import type { Bed } from '../bed/bed.ts'
import { Liar } from '../bed/liar.ts'
import { Passed } from '../bed/passed.ts'
import {
  ADMIN_PORT,
  CLIENT_HOST,
  GATEWAY_HOST,
  ipv4Of,
  ipv6Of,
  MOVED_PORTAL_HOST,
  NEIGHBOUR_HOST,
  OUTSIDE_NAMES,
  PORTAL_PORT,
  PUBLIC_HOST,
  WEB_PORT,
} from '../bed/topology.ts'
import { FAMILIES } from './families.ts'
import { Trial } from './trial.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const ASKING = fileURLToPath(new URL('../asking-client.js', import.meta.url))
/** Exit code of curl for a connection that is refused or unreachable. */
const COULD_NOT_CONNECT = 7
/** Addresses that are not public, and the public ones of the gateway's own machine. */
const NOT_PUBLIC = [
  '10.99.0.1',
  '172.16.0.1',
  '192.168.7.5',
  '127.0.0.1',
  '169.254.169.254',
  '0.0.0.1',
  '240.0.0.1',
  'fd99::1',
  'fe80::1',
  '::1',
  '::',
  '::ffff:10.0.0.1',
  '::ffff:203.0.113.80',
  ipv4Of('site', GATEWAY_HOST),
  ipv4Of('outside', GATEWAY_HOST),
  ipv6Of('site', GATEWAY_HOST),
  ipv6Of('outside', GATEWAY_HOST),
]

/** Tests of statement T8: the Internet resource, a full tunnel. They run last, as the resource stays. */
export const internetTests = (bed: () => Bed): void => {
  describe('T8 the Internet resource', () => {
    const seenBy = async (url: string): Promise<string> => (await bed().page(url)).from.split(' ')[0] ?? ''

    it('T8 the Internet resource leads public traffic to the gateway, and an account has it once', async () => {
      for (const { of, literal } of FAMILIES) {
        expect(await seenBy(`http://${literal(of('outside', PUBLIC_HOST))}/`)).to.equal(of('lan', CLIENT_HOST))
      }
      const draft = { name: 'Internet', type: 'internet', site_id: bed().id('site') }
      await bed().make('internet', 'resources', draft)
      await bed().allow('internet')
      const refused = await bed()
        .api.create('resources', { ...draft, name: 'Another' })
        .catch(String)
      expect(refused).to.include('409')
      for (const { of, literal } of FAMILIES) {
        await eventually(
          async () => {
            const from = await seenBy(`http://${literal(of('outside', PUBLIC_HOST))}/`)
            if (from === of('outside', GATEWAY_HOST)) return true
            throw new Error(`the server saw ${from}`)
          },
          { what: 'the way by the gateway', timeoutMs: PATIENCE_MS },
        )
      }
      expect(await bed().decisions('internet')).to.equal(1)
    })

    for (const { family, of, literal, flag } of FAMILIES) {
      it(`T8 the Internet resource leaves the local network local, ${family}`, async () => {
        // The neighbour's IPv6 address is a public one.
        expect(await seenBy(`http://${literal(of('lan', NEIGHBOUR_HOST))}:${WEB_PORT}/`)).to.equal(
          of('lan', CLIENT_HOST),
        )
      })

      it(`T8 the Internet resource makes no loop: the portal and the tunnel are reached past it, ${family}`, async () => {
        const { client } = { client: bed().machine('client') }
        const marked = await client.mustRun('ip', [
          flag,
          'route',
          'get',
          of('outside', GATEWAY_HOST),
          'mark',
          '0xfd002021',
        ])
        const plain = await client.mustRun('ip', [flag, 'route', 'get', of('outside', GATEWAY_HOST)])
        expect(marked.stdout).to.include('dev lan')
        expect(plain.stdout).to.include('dev tun-portreeve')
      })
    }

    for (const { family, of, literal, flag } of FAMILIES) {
      it(`T8 the Internet resource leaves addresses that no network behind the link can have to the machine itself, ${family}`, async () => {
        const client = bed().machine('client')
        const goals =
          family === 'IPv4'
            ? ['169.254.7.7', '224.0.0.251', '239.255.255.250', '255.255.255.255']
            : ['fe80::7', 'ff02::fb', 'ff05::2']
        for (const goal of goals) {
          const { stdout } = await client.mustRun('ip', [flag, 'route', 'get', goal])
          expect(stdout, goal).to.include('dev lan').and.not.to.include('dev tun-portreeve')
        }
      })

      it(`T8 the Internet resource carries no private destination, which is unreachable at once, ${family}`, async () => {
        // An address that is in no resource and is not public.
        const goal = family === 'IPv4' ? '10.99.0.1' : 'fd99::1'
        const { stdout, stderr } = await bed()
          .machine('client')
          .run('ping', ['-c', '1', '-W', '20', goal], { timeoutMs: PATIENCE_MS })
        expect(stdout + stderr).to.match(/Destination Host Unreachable|Address unreachable/)
      })

      it(`T8 the Internet resource does not lead to the gateway’s own services, unless a prefix does, ${family}`, async () => {
        const [client, neighbour] = [bed().machine('client'), bed().machine('neighbour')]
        const own = of('outside', GATEWAY_HOST)
        const url = `http://${literal(own)}:${ADMIN_PORT}/`
        await bed().serve('gateway')
        try {
          // The service is there for machines that the firewall lets in, which it tells by the device that packets come
          // from.
          expect(await fetchPage(neighbour, url)).to.include({ ok: true })
          const before = await bed().dropped('not-internet')
          expect(await fetchPage(client, url)).to.include({ ok: false, code: COULD_NOT_CONNECT })
          await eventually(async () => ((await bed().dropped('not-internet')) > before ? true : undefined), {
            what: 'the gateway refused it',
            timeoutMs: PATIENCE_MS,
          })
          // A resource of its own gives access to the gateway's machine.
          const resource = `machine of the gateway, ${family}`
          await bed().resource(resource, `${own}/${family === 'IPv4' ? 32 : 128}`, [
            { protocol: 'tcp', ports: [String(ADMIN_PORT)] },
          ])
          await bed().knows(resource)
          expect(await bed().page(url)).to.include({ server: 'gateway' })
          await bed().api.remove(`resources/${bed().id(resource)}`)
        } finally {
          await bed().stopPart('gateway-server')
        }
      })
    }

    it('T8 the gateway refuses private destinations of a client that lies about the Internet resource', async () => {
      const passed = await Passed.watch(bed().machine('gateway'))
      const liar = await Liar.join(bed(), { name: 'liar-internet', host: 72 })
      try {
        for (const resource of ['target', 'internet']) {
          expect(await liar.ask(resource)).to.equal('authorization_created')
        }
        await liar.connected()
        const trial = new Trial(bed(), liar, passed)
        // Public destinations pass, as the client has the grant.
        const to = (destination: string): Uint8Array => trial.own({ destination, destinationPort: WEB_PORT })
        await trial.allAfter(() => {
          liar.send(...FAMILIES.map(({ of }) => to(of('outside', PUBLIC_HOST))))
        }, FAMILIES.length)
        await trial.droppedFor({ 'not-internet': NOT_PUBLIC.length }, () => liar.send(...NOT_PUBLIC.map(to)))
        for (const destination of NOT_PUBLIC) {
          const [code, own] = destination.includes(':') ? ['1/3', liar.ipv6] : ['3/1', liar.ipv4]
          const refusal = `icmp ${code} ${destination} > ${own} (${describePacket(to(destination))})`
          await liar.packet(refusal, (packet) => describePacket(packet) === refusal)
        }
      } finally {
        liar.close()
      }
    })

    it('T8 the Internet resource stays through a new connection to the portal, which is made past the tunnel', async () => {
      const portal = bed().machine('portal')
      await bed().stopPart('portal')
      await eventually(async () => ((await bed().status()).state === 'unreachable' ? true : undefined), {
        what: 'the client notices',
        timeoutMs: PATIENCE_MS,
      })
      expect(await seenBy(`http://${FAMILIES[0].of('outside', PUBLIC_HOST)}/`)).to.equal(
        FAMILIES[0].of('outside', GATEWAY_HOST),
      )
      await bed().restartPortal()
      await eventually(async () => ((await bed().status()).state === 'connected' ? true : undefined), {
        what: 'the client is connected again',
        timeoutMs: PATIENCE_MS,
      })
      const { stdout } = await portal.mustRun('ss', ['-Htn', 'state', 'established'])
      expect(stdout).to.include(FAMILIES[0].of('lan', CLIENT_HOST))
    })

    for (const { family, of, flag } of FAMILIES) {
      it(`T8 a portal that has a name and moves is found past the tunnel, ${family}`, async () => {
        const name = `named-${family.toLowerCase()}`
        const portal = bed().machine('portal')
        const url = `http://portal.example.net:${PORTAL_PORT}`
        await bed().startClient(name, { host: family === 'IPv4' ? 214 : 216, portal_url: url })
        // A resource covers the portal's name too, which must not lead the client's own connection into the tunnel.
        await bed().resource(`names of the portal, ${family}`, '*.example.net')
        await bed().knows('internet', name)
        await bed().knows(`names of the portal, ${family}`, name)
        const client = bed().machine(name)
        const far = await bed().page('http://web.example.org/', { client: name })
        expect(far.server).to.equal('target')
        const watch = await Passed.watch(bed().machine('gateway'), `tcp dport ${PORTAL_PORT}`)
        const moved = of('outside', MOVED_PORTAL_HOST)
        await portal.address('outside', `${moved}/${family === 'IPv4' ? 24 : 64}`)
        await bed().changeNames('portal', { ...OUTSIDE_NAMES, 'portal.example.net': [moved] })
        try {
          await bed().stopPart('portal')
          await eventually(async () => ((await bed().status(name)).state === 'unreachable' ? true : undefined), {
            what: 'the client notices',
            timeoutMs: PATIENCE_MS,
          })
          // The tunnel lacks its gateway, too, until the portal has been found.
          await bed().stopPart('gateway')
          await bed().restartPortal()
          // Its gateway is away, which the client may have noticed already.
          await eventually(
            async () => (/^(connected|limited)$/.test((await bed().status(name)).state) ? true : undefined),
            { what: 'the client is connected to the portal again', timeoutMs: PATIENCE_MS },
          )
        } finally {
          await bed().startGateway('gateway')
        }
        const { stdout } = await portal.mustRun('ss', ['-Htn', 'state', 'established'])
        expect(stdout, 'the connection, by the address that the name has now').to.match(
          new RegExp(String.raw`${moved}\]?:${PORTAL_PORT}\s+\[?(::ffff:)?${of('lan', family === 'IPv4' ? 214 : 216)}`),
        )
        expect(await watch.count(), 'packets to the portal through the tunnel').to.equal(0)
        // All other traffic goes through the tunnel.
        await eventually(
          async () => {
            const seen = await bed().page(`http://web.example.org/`, { client: name })
            return seen.server === 'target' ? true : undefined
          },
          { what: 'a page through the tunnel', timeoutMs: PATIENCE_MS },
        )
        await eventually(async () => ((await bed().status(name)).state === 'connected' ? true : undefined), {
          what: 'the client is connected, with its gateway',
          timeoutMs: PATIENCE_MS,
        })
        const route = await client.mustRun('ip', [flag, 'route', 'get', moved])
        expect(route.stdout).to.include('dev tun-portreeve')
        await bed().stopPart(name)
        await bed().api.remove(`resources/${bed().id(`names of the portal, ${family}`)}`)
      })
    }

    it('T11 connections that are open when the Internet resource is granted go on, and those through it are reset when it is gone', async () => {
      const client = bed().machine('client')
      const goals = FAMILIES.map(({ of }) => of('outside', PUBLIC_HOST))
      const open = async () => {
        const parts = goals.map((goal) =>
          client.spawn(process.execPath, [ASKING, goal, String(WEB_PORT)], { name: `asking ${goal}` }),
        )
        for (const part of parts) await part.line((line) => line === 'open')
        return parts
      }
      const through = await open()
      await bed().api.remove(`resources/${bed().id('internet')}`)
      for (const part of through) {
        // Reset by the tunnel at its next packet, or ended by the kernel at once, whichever comes first.
        expect(await part.line((line) => /^(?:E[A-Z]+|closed)$/.test(line)), 'through the tunnel').to.be.oneOf([
          'ECONNRESET',
          'ECONNABORTED',
        ])
      }
      // The lane's thread reports its counters from time to time.
      await eventually(
        async () => {
          const resets = Object.values((await bed().status()).dropped).map((counts) => counts['connection-reset'] ?? 0)
          return Math.max(...resets) >= goals.length ? true : undefined
        },
        { what: 'the resets are counted', timeoutMs: PATIENCE_MS },
      )
      const beside = await open()
      await bed().make('internet', 'resources', { name: 'Internet', type: 'internet', site_id: bed().id('site') })
      await bed().allow('internet')
      for (const { of, literal } of FAMILIES) {
        await eventually(
          async () =>
            (await seenBy(`http://${literal(of('outside', PUBLIC_HOST))}/`)) === of('outside', GATEWAY_HOST)
              ? true
              : undefined,
          { what: 'new connections take the tunnel', timeoutMs: PATIENCE_MS },
        )
      }
      for (const part of beside) {
        expect(part.isRunning, 'a connection from before goes on').to.equal(true)
        await part.stop()
      }
    })
  })
}
