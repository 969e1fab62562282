import { expect } from 'chai'
import { describe, it } from 'mocha'
import { isControlFrame } from '../../../core/flow/control-frame.ts'
import { buildPacket, describePacket } from '../../kit/packet-builder.ts'
import type { Bed } from '../bed/bed.ts'
import { Liar } from '../bed/liar.ts'
import { Passed } from '../bed/passed.ts'
import { ipv4Of, TARGET_HOST, WEB_PORT } from '../bed/topology.ts'
import { Trial } from './trial.ts'

const TARGET = ipv4Of('site', TARGET_HOST)

/** Tests of clients that go on after their grants have expired, over either family. */
export const expiryTests = (bed: () => Bed): void => {
  describe('P7 a client that ignores the expiry of its grants', () => {
    it('P3 a client that ignores the expiry of its grant is cut off by the gateway itself, while the portal is away', async function () {
      this.timeout(240_000)
      const witness = await Liar.join(bed(), { name: 'witness', host: 75 })
      const trial = new Trial(bed(), witness, await Passed.watch(bed().machine('gateway')))
      expect(await witness.ask('target')).to.equal('authorization_created')
      await witness.connected()

      // The gateway learns expiries in whole seconds.
      const expiresAt = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 10_000)
      const shorts = await Promise.all(
        (['ipv4', 'ipv6'] as const).map(async (families, index) => {
          const { token } = await bed().api.create(`actors/${bed().id('person')}/client_tokens`, {
            name: `short ${families}`,
            expires_at: expiresAt.toISOString(),
          })
          const place = { name: `short-${families}`, host: 76 + index, families }
          return Liar.join(bed(), { ...place, token: String(token) })
        }),
      )
      const syn = (short: Liar, sourcePort: number): Uint8Array =>
        buildPacket({ source: short.ipv4, destination: TARGET, sourcePort, destinationPort: WEB_PORT })
      try {
        for (const short of shorts) {
          expect(await short.ask('target')).to.equal('authorization_created')
          await short.connected()
          short.send(syn(short, 31_000))
          await short.packet('an answer', (packet) => describePacket(packet).endsWith(`${short.ipv4}:31000 SA`))
        }
        bed().part('portal').kill('SIGSTOP')
        // The gateway says goodbye when a grant expires; from then on nothing passes.
        for (const short of shorts) {
          await short.until('a goodbye', () =>
            short.packets.some((packet) => isControlFrame(packet) && packet[40] === 2),
          )
        }
        expect(Date.now(), 'not before').to.be.at.least(expiresAt.getTime())
        await trial.nothingAfter(() => {
          for (const short of shorts) short.send(syn(short, 31_001), syn(short, 31_002))
        })
      } finally {
        bed().part('portal').kill('SIGCONT')
        for (const liar of [witness, ...shorts]) liar.close()
      }
    })
  })
}
