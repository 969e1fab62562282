import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { Part } from '../../../hosts/lab/part.ts'
import { checksumErrors } from '../../../hosts/lab/checksum-errors.ts'
import type { Bed } from '../bed/bed.ts'
import { ADMIN_PORT, ECHO_PORT, TARGET_HOST, WEB_PORT } from '../bed/topology.ts'
import { FAMILIES } from './families.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const IPERF_PORT = 5_201
const OFFLOADS = ['rx', 'tx', 'tso', 'gso', 'gro']
const NAME = 'wiki.example.org'

/** The parts of an iperf3 report that the tests read. */
interface IperfReport {
  end: { sum_received?: { bytes: number }; sum?: { bytes: number; packets: number; lost_packets: number } }
}

/**
 * Tests of ordinary traffic to a peer that sees every checksum as it is: the cable between it and the gateway has no
 * offloads.
 */
export const toolTests = (bed: () => Bed): void => {
  describe('T7 traffic of nc and iperf3, to a peer without offloads', () => {
    const offloads = async (state: 'on' | 'off'): Promise<void> => {
      for (const name of ['gateway', 'target']) {
        const args = ['-K', 'site', ...OFFLOADS.flatMap((offload) => [offload, state])]
        await bed().machine(name).mustRun('ethtool', args)
      }
    }
    let server: Part

    before(async () => {
      await offloads('off')
      server = bed()
        .machine('target')
        .spawn('iperf3', ['-s', '-p', String(IPERF_PORT), '--forceflush'], { name: 'iperf3' })
      await server.line((line) => line.includes('listening'))
    })
    after(async () => {
      await server.stop()
      await offloads('on')
    })

    for (const { family, of, flag, type } of FAMILIES) {
      it(`T7 nc connects and talks, and is refused at once where the filter says so, ${family}`, async () => {
        const nc = (args: readonly string[], input = '') =>
          bed()
            .machine('client')
            .run('nc', [flag, '-w', '20', ...args], { input, timeoutMs: PATIENCE_MS })
        const page = await nc([NAME, String(WEB_PORT)], `GET / HTTP/1.0\r\nHost: ${NAME}\r\n\r\n`)
        expect(page.stdout).to.include('"server":"target"')
        const echoed = await nc(['-u', '-W', '1', NAME, String(ECHO_PORT)], 'over UDP')
        expect(echoed.stdout).to.equal('over UDP')
        const began = performance.now()
        const refused = await nc(['-z', '-v', of('site', TARGET_HOST), String(ADMIN_PORT)])
        expect(refused.code, refused.stderr).to.equal(1)
        expect(performance.now() - began, 'far from its timeout').to.be.below(15_000)
      })

      it(`T7 iperf3 moves TCP both ways and UDP through a name, and no checksum is wrong anywhere, ${family}`, async () => {
        const [address = ''] = await bed().resolve(NAME, type)
        const iperf = async (...args: readonly string[]): Promise<IperfReport['end']> => {
          const all = ['-J', flag, '-c', address, '-p', String(IPERF_PORT), '-t', '1', ...args]
          const { stdout } = await bed().machine('client').mustRun('iperf3', all, { timeoutMs: PATIENCE_MS })
          return (JSON.parse(stdout) as IperfReport).end
        }
        const up = await iperf()
        const down = await iperf('-R')
        for (const { sum_received } of [up, down]) expect(sum_received?.bytes).to.be.greaterThan(1_000_000)
        const { sum } = await iperf('-u', '-b', '20M', '-l', '1000')
        const arrived = (sum?.packets ?? 0) - (sum?.lost_packets ?? 0)
        expect(arrived, JSON.stringify(sum)).to.be.greaterThan(100)
        const machines = ['client', 'gateway', 'target'].map((name) => bed().machine(name).name)
        expect(await checksumErrors(machines)).to.deep.equal([])
        const segments = await bed().machine('target').mustRun('nstat', ['-asz', 'TcpInSegs'])
        const counted = Number(/TcpInSegs\s+(\d+)/.exec(segments.stdout)?.[1])
        expect(counted, 'segments that were looked at').to.be.greaterThan(500)
        process.stdout.write(
          `      ${family}: ${[up, down].map(({ sum_received }) => Math.round((sum_received?.bytes ?? 0) / 1e6)).join(' and ')} MB of TCP, ${arrived} UDP packets\n`,
        )
      })
    }
  })
}
