import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { join } from 'node:path'
import { eventually } from '../../../hosts/lab/eventually.ts'
import type { Namespace } from '../../../hosts/lab/namespace.ts'
import { fetchPage } from '../../../hosts/lab/page.ts'
import { portreeve } from '../../../hosts/lab/program.ts'
import type { ClientStatus } from '../../../hosts/client/session/client-status.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'
import type { Bed } from '../bed/bed.ts'
import { ECHO_PORT, TARGET_HOST } from '../bed/topology.ts'
import { FAMILIES } from './families.ts'

const NAME = 'cut-off'

/** Drops UDP between this machine and all others, name servers excepted, in silence as many firewalls do. */
const NO_UDP = `
table inet firewall {
  chain out {
    type filter hook output priority 0
    oifname "lan" udp dport != 53 drop
  }
  chain in {
    type filter hook input priority 0
    iifname "lan" udp sport != 53 drop
  }
}
`

/** Sends a datagram and prints the error that the kernel reports for it: Linux tells "host unreachable" only to UDP sockets that want to hear of it, as resolvers do. */
const SEND_BY_UDP = `
import errno, socket, sys
six = ':' in sys.argv[1]
asking = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
asking.setsockopt(socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP, 25 if six else 11, 1) # RECVERR
asking.settimeout(20)
asking.connect((sys.argv[1], int(sys.argv[2])))
asking.send(b'?')
try:
    print(asking.recv(100))
except OSError as error:
    print(errno.errorcode.get(error.errno, type(error).__name__))
`

/** T11, M4: a client that reaches the portal and the name servers, and no gateway. */
export const noPathTests = (bed: () => Bed): void => {
  describe('T11 M4 a client without a path to any gateway', () => {
    let machine: Namespace

    before(async function () {
      this.timeout(240_000)
      machine = await bed().join(NAME, [{ network: 'lan', host: 90 }])
      await machine.mustRun('nft', ['-f', '-'], { input: NO_UDP })
      await bed().startClient(NAME)
      await bed().knows('target', NAME)
    })
    after(() => bed().stopPart(NAME))

    const status = async (): Promise<{ code: number | null; said: ClientStatus }> => {
      const config = join(bed().run.path, `${NAME}.yaml`)
      const args = portreeve('client', 'status', '--json', '--config', config)
      const { code, stdout } = await machine.run(process.execPath, args, { timeoutMs: PATIENCE_MS })
      return { code, said: JSON.parse(stdout) as ClientStatus }
    }

    it('refuses connections and datagrams to networks and to names, by ICMP and not by silence, over both families', async () => {
      const meets = async (address: string, url: string): Promise<void> => {
        // A path is looked for during 12 s; curl would wait much longer for silence.
        const page = await fetchPage(machine, url, { timeoutMs: PATIENCE_MS })
        expect(page.ok ? page.body : page.code, address).to.equal(COULD_NOT_CONNECT)
      }
      const places = FAMILIES.map(async ({ of, literal, type }) => {
        const [mapped = ''] = await bed().resolve('wiki.example.org', type, NAME)
        const addresses = [of('site', TARGET_HOST), mapped]
        await Promise.all(addresses.map((address) => meets(address, `http://${literal(address)}/`)))
        const { stdout } = await machine.mustRun('python3', ['-c', SEND_BY_UDP, mapped, String(ECHO_PORT)], {
          timeoutMs: PATIENCE_MS,
        })
        expect(stdout.trim(), mapped).to.equal('EHOSTUNREACH')
      })
      await Promise.all(places)
    })

    it('client status says which resource is unreachable, and that UDP may be blocked, and ends with 4', async () => {
      const { code, said } = await status()
      expect(said).to.include({ state: 'limited', lane: 'native' })
      expect(code).to.equal(4)
      for (const name of ['target', 'target6', 'wiki.example.org']) {
        const resource = said.resources.find((one) => one.name === name)
        expect(resource, name).to.include({ state: 'unreachable', reason: 'no-path' })
        expect(resource?.why.join(' '), name).to.match(/gateway gateway.*UDP/)
      }
    })

    it('a resource is connected once UDP passes, and then client status ends with 0', async () => {
      await machine.mustRun('nft', ['delete', 'table', 'inet', 'firewall'])
      await eventually(
        async () => {
          for (const name of ['target', 'target6', 'wiki.example.org'])
            await fetchPage(machine, urlOf(name), { timeoutMs: 5_000 })
          const { code, said } = await status()
          if (code === 0) return true
          throw new Error(said.resources.map(({ name, state }) => `${name} ${state}`).join(', '))
        },
        { what: 'every resource is connected', timeoutMs: PATIENCE_MS },
      )
    })
  })
}

/** Exit code of curl where a connection was refused or its host is unreachable, apart from 28 for a timeout. */
const COULD_NOT_CONNECT = 7

const urlOf = (resource: string): string => {
  const [ipv4, ipv6] = FAMILIES
  if (resource === 'target') return `http://${ipv4.of('site', TARGET_HOST)}/`
  return resource === 'target6' ? `http://[${ipv6.of('site', TARGET_HOST)}]/` : `http://${resource}/`
}
