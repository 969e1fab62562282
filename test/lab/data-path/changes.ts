import { expect } from 'chai'
import { describe, it } from 'mocha'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { fetchPage } from '../../../hosts/lab/page.ts'
import type { Bed } from '../bed/bed.ts'
import { ADMIN_PORT, ECHO_PORT, ipv4Of, TARGET_HOST, WEB_PORT } from '../bed/topology.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const FLOWS = 10_000

/**
 * Sends a datagram from each of many ports at once, a hundred at a time, and counts those that came back to the port
 * they left from.
 */
const MANY_FLOWS = `
import select, socket, sys
address, port, flows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
answered = 0
for first in range(0, flows, 100):
    waiting = {}
    for at in range(first, first + 100):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(('', 20000 + at))
        one.connect((address, port))
        waiting[one] = str(at).encode()
    for attempt in range(20):
        for one, text in waiting.items():
            one.send(text)
        while waiting:
            ready, _, _ = select.select(list(waiting), [], [], 1)
            if not ready:
                break
            for one in ready:
                if one.recv(100) == waiting[one]:
                    answered += 1
                one.close()
                del waiting[one]
        if not waiting:
            break
print(answered)
`

/** Reads a page at some 300 KB a second, which would take a minute and a half, until a signal tells it to hurry. */
const SLOW_DOWNLOAD = `
import signal, sys, time, urllib.request
hurries = False
def hurry(*_):
    global hurries
    hurries = True
signal.signal(signal.SIGUSR1, hurry)
size = 0
with urllib.request.urlopen(sys.argv[1]) as page:
    while part := page.read(16384):
        if size == 0:
            print('begun', flush=True)
        size += len(part)
        if not hurries:
            time.sleep(0.05)
print(size, flush=True)
`

/** Tests of statement T5 and of changes while packets move. */
export const changeTests = (bed: () => Bed): void => {
  const target = ipv4Of('site', TARGET_HOST)
  /** Result of a new connection: the page's server, or curl's exit code. */
  const meets = async (url: string): Promise<string> => {
    const answer = await fetchPage(bed().machine('client'), url, { timeoutMs: PATIENCE_MS })
    return answer.ok ? `status ${answer.status}` : `curl ${String(answer.code)}`
  }
  const becomes = (url: string, wanted: string): Promise<boolean> =>
    eventually(
      async () => {
        const met = await meets(url)
        if (met === wanted) return true
        throw new Error(met)
      },
      { what: `${url} becomes ${wanted}`, timeoutMs: PATIENCE_MS },
    )

  describe('T5 changes and many flows', () => {
    it('T5 among overlapping resources the one that permits the port wins, then the most specific', async () => {
      await bed().page(`http://${target}:${WEB_PORT}/`)
      const asked = await bed().decisions('target')
      expect(await meets(`http://${target}:${ADMIN_PORT}/`)).to.equal('curl 7')
      await bed().resource('wide', '10.20.0.0/24', [{ protocol: 'tcp', ports: [String(ADMIN_PORT), String(WEB_PORT)] }])
      await bed().knows('wide')
      await becomes(`http://${target}:${ADMIN_PORT}/`, 'status 200')
      expect(await bed().decisions('wide')).to.equal(1)
      // Both resources permit this one: the single address is more specific, and is granted already.
      expect(await meets(`http://${target}:${WEB_PORT}/`)).to.equal('status 200')
      expect(await bed().decisions('target')).to.equal(asked)
      await bed().api.remove(`resources/${bed().id('wide')}`)
      await becomes(`http://${target}:${ADMIN_PORT}/`, 'curl 7')
      expect(await meets(`http://${target}:${WEB_PORT}/`)).to.equal('status 200')
    })

    it('T4 filters that change under traffic refuse and permit at once, and a running download goes on after', async () => {
      const id = bed().id('web.example.org')
      const filters = (port: number): object => ({ filters: [{ protocol: 'tcp', ports: [String(port)] }] })
      await bed().page('http://web.example.org/')
      const url = 'http://web.example.org/?bytes=30000000'
      const download = bed().machine('client').spawn('python3', ['-c', SLOW_DOWNLOAD, url], { name: 'download' })
      try {
        await download.line((line) => line === 'begun')
        await bed().api.patch(`resources/${id}`, filters(ADMIN_PORT))
        await becomes('http://web.example.org/', 'curl 7')
        await becomes(`http://web.example.org:${ADMIN_PORT}/`, 'status 200')
        expect(download.isRunning, download.output).to.equal(true)
        await bed().api.patch(`resources/${id}`, filters(WEB_PORT))
        await becomes('http://web.example.org/', 'status 200')
        download.kill('SIGUSR1')
        await download.line((line) => line === '30000000', { timeoutMs: PATIENCE_MS })
      } finally {
        await download.stop()
        await bed().api.patch(`resources/${id}`, filters(WEB_PORT))
      }
    })

    it(`T5 ten thousand flows of one client through one name are told apart`, async () => {
      const [address = ''] = await bed().resolve('wiki.example.org')
      const args = ['-c', MANY_FLOWS, address, String(ECHO_PORT), String(FLOWS)]
      const { stdout } = await bed().machine('client').mustRun('python3', args, { timeoutMs: 80_000 })
      expect(stdout.trim()).to.equal(String(FLOWS))
    })
  })
}
