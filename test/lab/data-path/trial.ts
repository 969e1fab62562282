import { expect } from 'chai'
import { eventually } from '../../../hosts/lab/eventually.ts'
import { buildPacket, describePacket, type PacketParts } from '../../kit/packet-builder.ts'
import type { Bed } from '../bed/bed.ts'
import type { Liar } from '../bed/liar.ts'
import type { Passed } from '../bed/passed.ts'
import { ipv4Of, TARGET_HOST, WEB_PORT } from '../bed/topology.ts'
import { PATIENCE_MS } from '../../kit/patience.ts'

const TARGET = ipv4Of('site', TARGET_HOST)

/** Finds out whether a client's packets leave its gateway. The client holds a grant for the target's web server. */
export class Trial {
  readonly #bed: Bed
  readonly #liar: Liar
  readonly #passed: Passed
  #nextPort: number

  constructor(bed: Bed, liar: Liar, passed: Passed) {
    this.#bed = bed
    this.#liar = liar
    this.#passed = passed
    // Source ports differ between clients: they may share the gateway's address at the target.
    this.#nextPort = 10_000 + (Number(liar.ipv4.split('.').at(-1)) % 200) * 200
  }

  /** Builds a packet from the client's own address. */
  own(parts: Omit<PacketParts, 'source'>): Uint8Array {
    return buildPacket({ source: parts.destination.includes(':') ? this.#liar.ipv6 : this.#liar.ipv4, ...parts })
  }

  /** Sends lies, then one honest packet, which is answered; checks that no lie has got through before it. */
  async nothingOf(...lies: readonly Uint8Array[]): Promise<void> {
    await this.nothingAfter(() => this.#liar.send(...lies))
  }

  /** Lies in another way than by packets; checks that nothing has got through. */
  async nothingAfter(lie: () => void): Promise<void> {
    const before = await this.#passed.count()
    lie()
    const sourcePort = this.#nextPort++
    this.#liar.send(this.own({ destination: TARGET, sourcePort, destinationPort: WEB_PORT }))
    const answer = `tcp ${TARGET}:${WEB_PORT} > ${this.#liar.ipv4}:${sourcePort} SA`
    await this.#liar.packet(answer, (packet) => describePacket(packet) === answer)
    // Resets the connection, which belongs to no program on the client.
    this.#liar.send(this.own({ destination: TARGET, sourcePort, destinationPort: WEB_PORT, flags: 'R', sequence: 2 }))
    const honest = 2
    await this.#reaches(before + honest, 'the honest packet and its reset')
    expect((await this.#passed.count()) - before, 'packets that passed').to.equal(honest)
  }

  /** Lies and checks that nothing gets through and that the gateway counts at least so many drops, by reason. */
  async droppedFor(reasons: Readonly<Record<string, number>>, lie: () => void): Promise<void> {
    const count = (): Promise<number[]> => Promise.all(Object.keys(reasons).map((reason) => this.#bed.dropped(reason)))
    const before = await count()
    await this.nothingAfter(lie)
    const wanted = Object.values(reasons).map((least, index) => (before[index] ?? 0) + least)
    await eventually(
      async () => {
        const counts = await count()
        if (counts.every((each, index) => each >= (wanted[index] ?? 0))) return true
        throw new Error(`${counts.join()} of ${wanted.join()}`)
      },
      { what: `drops for ${Object.keys(reasons).join()}`, timeoutMs: PATIENCE_MS },
    )
  }

  /** Checks that packets that are permitted get through, so that the refusals can be believed. */
  async allAfter(act: () => void, count: number): Promise<void> {
    const before = await this.#passed.count()
    act()
    await this.#reaches(before + count, 'what is honest')
  }

  async #reaches(count: number, what: string): Promise<void> {
    await eventually(async () => ((await this.#passed.count()) >= count ? true : undefined), {
      what,
      timeoutMs: PATIENCE_MS,
    })
  }
}
