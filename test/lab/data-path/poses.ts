import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { decodeControlFrame, encodeControlFrame, isControlFrame } from '../../../core/flow/control-frame.ts'
import { buildPacket, describePacket } from '../../kit/packet-builder.ts'
import type { Bed } from '../bed/bed.ts'
import { Liar } from '../bed/liar.ts'
import { Passed } from '../bed/passed.ts'
import { ipv4Of, ipv6Of, TARGET_HOST, WEB_PORT, type Families } from '../bed/topology.ts'
import { Trial } from './trial.ts'

/** Address of the site's router, which only the other client may reach. */
const VAULT = { ipv4: ipv4Of('site', 1), ipv6: ipv6Of('site', 1) }
const TARGET = { ipv4: ipv4Of('site', TARGET_HOST), ipv6: ipv6Of('site', TARGET_HOST) }
const PROXY = '100.96.3.7'
const INDEX_AT = 4

/**
 * Tests of a client with keys and grants of its own that poses as another one, connected to the same gateway at the
 * same time.
 */
export const posingClientTests = (bed: () => Bed): void => {
  describe('P7 T6 a client that poses as another', () => {
    before(async () => {
      await bed().make('owner', 'actors', { name: 'Grace', type: 'service_account' })
      await bed().make('owners', 'groups', { name: 'Owners' })
      await bed().api.put(`groups/${bed().id('owners')}/memberships`, { actor_ids: [bed().id('owner')] })
      const site_id = bed().id('site')
      for (const [name, type, address] of [
        ['vault', 'cidr', `${VAULT.ipv4}/32`],
        ['vault6', 'cidr', `${VAULT.ipv6}/128`],
        ['vault.example.org', 'dns', 'vault.example.org'],
      ] as const) {
        await bed().make(name, 'resources', { name, type, address, site_id, filters: [] })
        await bed().make(`policy for ${name}`, 'policies', {
          group_id: bed().id('owners'),
          resource_id: bed().id(name),
        })
      }
    })

    for (const { families, hosts } of [
      { families: 'ipv4', hosts: [71, 72] },
      { families: 'ipv6', hosts: [73, 74] },
    ] as const) {
      describe(`over ${families === 'ipv4' ? 'IPv4' : 'IPv6'}`, () => poses(bed, { families, hosts }))
    }
  })
}

const poses = (bed: () => Bed, { families, hosts }: { families: Families; hosts: readonly [number, number] }): void => {
  let other: Liar
  let poser: Liar
  let trial: Trial

  before(async function () {
    this.timeout(240_000)
    const passed = await Passed.watch(bed().machine('gateway'))
    const { token } = await bed().api.create(`actors/${bed().id('owner')}/client_tokens`, { name: families })
    other = await Liar.join(bed(), { name: `other-${families}`, host: hosts[0], families, token: String(token) })
    poser = await Liar.join(bed(), { name: `poser-${families}`, host: hosts[1], families })
    for (const name of ['vault', 'vault6', 'vault.example.org']) {
      expect(await other.ask(name)).to.equal('authorization_created')
      expect(await poser.ask(name)).to.equal('authorization_creation_failed')
    }
    for (const name of ['target', 'target6']) expect(await poser.ask(name)).to.equal('authorization_created')
    await Promise.all([other.connected(), poser.connected()])
    trial = new Trial(bed(), poser, passed)
  })

  after(() => {
    other.close()
    poser.close()
  })

  const ofOther = (destination: string, sourcePort = 40_000): Uint8Array =>
    buildPacket({
      source: destination.includes(':') ? other.ipv6 : other.ipv4,
      destination,
      sourcePort,
      destinationPort: WEB_PORT,
    })

  it('T6 a client that sends from another client’s tunnel addresses gets nothing through, whatever the destination', async () => {
    const others = [VAULT.ipv4, VAULT.ipv6].map((destination) => ofOther(destination))
    const toTarget = [TARGET.ipv4, TARGET.ipv6].map((destination) => ofOther(destination))
    await trial.droppedFor({ 'source-not-own': 4 }, () => poser.send(...others, ...toTarget))
    await trial.allAfter(() => other.send(...others), 2)
    // The client's packets from its own address to permitted destinations pass: their source alone makes the
    // difference.
    const own = [TARGET.ipv4, TARGET.ipv6].map((destination) => trial.own({ destination, destinationPort: WEB_PORT }))
    await trial.allAfter(() => poser.send(...own), 2)
  })

  it('P7 a client reaches neither the addresses of another client’s grants nor those that were mapped for it', async () => {
    other.send(
      encodeControlFrame({
        type: 'assignedIps',
        resource: bed().id('vault.example.org'),
        domain: 'vault.example.org',
        mappedIps: [PROXY, '100.96.3.8', '100.96.3.9', '100.96.3.10'],
      }),
    )
    await other.packet('that the name is mapped', (packet) => {
      const frame = isControlFrame(packet) ? decodeControlFrame(packet) : undefined
      return typeof frame === 'object' && frame.type === 'domainStatus' && frame.status === 'Active'
    })
    await trial.nothingOf(
      ...[VAULT.ipv4, VAULT.ipv6, PROXY].map((destination) => trial.own({ destination, destinationPort: WEB_PORT })),
    )
    await trial.allAfter(() => other.send(ofOther(PROXY, 40_001)), 1)
  })

  it('P7 a client that claims another’s public key gets no answer to a handshake without the private key', async () => {
    const before = poser.handshakes.length
    await trial.droppedFor({ 'wrong-key': 3 }, () => {
      for (const sender of [1, 2, 3]) poser.initiate({ claimed: other.publicKey, sender })
    })
    // The gateway answers a handshake with the client's own key. It would have answered the others, had it accepted
    // them, before this one.
    poser.initiate({ claimed: poser.publicKey, sender: 4 })
    await poser.until('a response', () => poser.handshakes.length > before)
    expect(poser.handshakes.slice(before)).to.deep.equal([{ kind: 2, receiver: 4 }])
  })

  it('P7 a client that uses the index of another’s session is told apart by the key', async () => {
    await trial.allAfter(() => other.send(ofOther(VAULT.ipv4, 40_002)), 1)
    const index = other.sent.at(-1)?.slice(INDEX_AT, INDEX_AT + 4) ?? new Uint8Array()
    const [sealed = new Uint8Array()] = await poser.seal(
      trial.own({ destination: TARGET.ipv4, sourcePort: 41_000, destinationPort: WEB_PORT }),
    )
    const posed = sealed.slice()
    posed.set(index, INDEX_AT)
    expect(posed).not.to.deep.equal(sealed)
    await trial.droppedFor({ 'wrong-key': 1 }, () => poser.sendRaw(posed))
    await trial.allAfter(() => poser.sendRaw(sealed), 1)
  })

  it('P7 a client that repeats another’s overheard datagrams from its own address has no effect and draws no answers', async () => {
    await trial.allAfter(() => other.send(ofOther(VAULT.ipv4, 40_003)), 1)
    const overheard = other.sent.slice(-3)
    await trial.droppedFor({ replayed: 6 }, () => poser.sendRaw(...overheard, ...overheard))
    const ping = buildPacket({ kind: 'echoRequest', source: other.ipv4, destination: VAULT.ipv4, sourcePort: 77 })
    other.send(ping)
    const answer = `pong 77 ${VAULT.ipv4} > ${other.ipv4}`
    await other.packet(answer, (packet) => describePacket(packet) === answer)
  })
}
