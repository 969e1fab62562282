import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { fileURLToPath } from 'node:url'
import { Bed, IPERF_PORT, type Side } from '../bench/tunnel/bed.ts'
import { needsKernel } from '../kit/needs-kernel.ts'

const BYTES = 24_000_000
const program = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url))

/** Tests that hold on the real kernel whichever lane moves the packets, with a server that has no offloads. */
export const laneSuite = (lanes: { client: 'native' | 'script'; gateway: 'native' | 'script' }): void => {
  describe(`a client with the ${lanes.client} lane and a gateway with the ${lanes.gateway} lane`, function () {
    needsKernel()
    this.timeout(240_000)
    let bed: Bed
    let side: Side

    beforeEach(async () => {
      bed = await Bed.open({ serverBehind: true })
      side = await bed.startPortreeve(lanes)
    })

    afterEach(async function () {
      if (this.currentTest?.state === 'failed') process.stderr.write(`${bed.lastWords()}\n`)
      await bed.close()
    })

    it('TCP passes both ways unchanged, by name and by address, without a wrong checksum', async () => {
      const server = bed.server.spawn(process.execPath, [program('echo-server'), '0.0.0.0', String(IPERF_PORT)], {
        name: 'echo',
      })
      await server.line((line) => line === 'listening')
      for (const address of [side.named, side.direct]) {
        const args = [program('echo-client'), address, String(IPERF_PORT), String(BYTES)]
        const { stdout } = await bed.client.run(process.execPath, args, { timeoutMs: 200_000 })
        expect(stdout).to.equal(`${JSON.stringify({ came: BYTES, isSame: true })}\n`)
      }
      server.kill()
      for (const machine of [bed.client, bed.gateway, bed.server]) {
        const { stdout } = await machine.run('nstat', ['-asz', 'TcpInCsumErrors', 'TcpInSegs'])
        expect(Number(/TcpInCsumErrors\s+(\d+)/.exec(stdout)?.[1]), stdout).to.equal(0)
      }
      const { stdout } = await bed.server.run('nstat', ['-asz', 'TcpInSegs'])
      expect(Number(/TcpInSegs\s+(\d+)/.exec(stdout)?.[1])).to.be.greaterThan(1_000)
    })
  })
}
