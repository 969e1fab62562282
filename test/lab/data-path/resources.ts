import { expect } from 'chai'
import { it } from 'mocha'
import { fetchPage } from '../../../hosts/lab/page.ts'
import type { Bed } from '../bed/bed.ts'
import type { Seen } from '../bed/site-server.ts'
import { ADMIN_PORT, GATEWAY_HOST, ipv6Of, TARGET_HOST, WEB_PORT } from '../bed/topology.ts'
import { FAMILIES } from './families.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

/** Script that opens two connections from one source port, which none of the installed tools can do. */
const TWO_CONNECTIONS = `
import socket, sys
connections = []
for address in sys.argv[2:]:
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.settimeout(20)
    connection.bind(('', int(sys.argv[1])))
    connection.connect((address, 80))
    connections.append(connection)
for connection, host in zip(connections, ['first', 'second']):
    connection.sendall(f'GET / HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n'.encode())
for connection in connections:
    text = b''
    while part := connection.recv(4096):
        text += part
    print(text.decode().split('\\r\\n\\r\\n')[1].strip())
`

/** Tests of statements T1 to T4: packets that are let through, and packets that the client refuses. */
export const resourceTests = (bed: () => Bed): void => {
  for (const { family, of, type, flag, literal } of FAMILIES) {
    it(`T1 the first packet to a name is delivered, after exactly one request, ${family}`, async () => {
      const name = type === 'A' ? 'first.example.org' : 'first6.example.org'
      expect(await bed().decisions(name)).to.equal(0)
      const seen = await bed().page(`http://${name}/`)
      expect(seen.host).to.equal(name)
      expect(seen.from.split(' ')[0]).to.equal(of('site', GATEWAY_HOST))
      expect(await bed().decisions(name)).to.equal(1)
    })

    it(`T1 the very first ping of a name is answered, ${family}`, async () => {
      // One packet alone: a lost one is not sent again.
      const args = [flag, '-c', '1', '-W', '30', 'wiki.example.org']
      const { code, stdout } = await bed().machine('client').run('ping', args, { timeoutMs: PATIENCE_MS })
      expect(code, stdout).to.equal(0)
    })

    it(`T2 a network's packets reach the target's own address, which sees the gateway, ${family}`, async () => {
      const address = of('site', TARGET_HOST)
      const seen = await bed().page(`http://${literal(address)}/`)
      expect(seen.to).to.equal(`${address} ${WEB_PORT}`)
      expect(seen.from.split(' ')[0]).to.equal(of('site', GATEWAY_HOST))
    })

    it(`T3 D9 two names on one real address, from one source port at once, are two connections, ${family}`, async () => {
      const [web = ''] = await bed().resolve('web.example.org', type)
      const [wiki = ''] = await bed().resolve('wiki.example.org', type)
      expect(web).not.to.equal(wiki)
      // Both connections are open before either is used.
      const { stdout } = await bed()
        .machine('client')
        .mustRun('python3', ['-c', TWO_CONNECTIONS, '23456', web, wiki], { timeoutMs: PATIENCE_MS })
      const answers = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Seen)
      expect(answers.map(({ host }) => host)).to.deep.equal(['first', 'second'])
      expect(new Set(answers.map(({ from }) => from)).size, stdout).to.equal(2)
    })

    it(`T4 a port that the filter refuses is refused at once by the client, ${family}`, async () => {
      const address = of('site', TARGET_HOST)
      const url = `http://${literal(address)}:${ADMIN_PORT}/`
      const answer = await fetchPage(bed().machine('client'), url, { timeoutMs: PATIENCE_MS })
      if (answer.ok) throw new Error('it was not refused')
      // curl's exit code 7 means a refusal; a timeout would be 28.
      expect(answer.code, answer.reason).to.equal(7)
      const args = [flag, '-c', '1', '-W', '30', address]
      const { stdout } = await bed().machine('client').run('ping', args, { timeoutMs: PATIENCE_MS })
      expect(stdout).to.match(/Packet filtered|Administratively prohibited/)
      expect(bed().part('target-server').output).not.to.include(`tcp ${ADMIN_PORT}`)
    })
  }

  it('D5 an IPv6-only resource is reached by curl over IPv6, and has no IPv4 address to try', async () => {
    const url = 'http://only6.example.org/'
    const seen = await bed().page(url)
    expect(seen.host).to.equal('only6.example.org')
    expect(seen.to).to.equal(`${ipv6Of('site', TARGET_HOST)} ${WEB_PORT}`)
    const { code } = await bed()
      .machine('client')
      .run('curl', ['-4', '-s', '--max-time', '20', url], { timeoutMs: PATIENCE_MS })
    expect(code, 'no such name, for IPv4').to.equal(6)
    const { stdout } = await bed().machine('client').mustRun('dig', ['only6.example.org', 'A'])
    expect(stdout)
      .to.match(/status: NOERROR/)
      .and.match(/ANSWER: 0/)
  })

  it('D11 a name that leads to the gateway itself, its link or the tunnels has no record, which is said at once', async () => {
    const server = bed()
      .machine('gateway')
      .spawn('python3', ['-m', 'http.server', '--bind', '::', String(WEB_PORT)], { name: 'gateway-page' })
    try {
      for (const name of ['itself', 'loop', 'link', 'tunnel']) {
        for (const { type, literal } of FAMILIES) {
          const [address = ''] = await bed().resolve(`${name}.own.example.org`, type)
          const url = `http://${literal(address)}/`
          const answer = await fetchPage(bed().machine('client'), url, { timeoutMs: PATIENCE_MS })
          expect(answer.ok ? 'a page' : answer.code, `${name} ${type}`).to.equal(7)
        }
      }
    } finally {
      await server.stop()
    }
  })
}
