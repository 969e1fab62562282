import { expect } from 'chai'
import { after, afterEach, before, describe, it } from 'mocha'
import { DIALECTS } from '../../../../core/control/events.ts'
import { PROCESS_HEADER } from '../../../../core/control/process-header.ts'
import { ControlPeer, keyOf, type ConnectRefused, type PeerOptions } from '../../../kit/control-peer.ts'
import { ReleasedProcess } from '../../../kit/released-process.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'

describe('H13 two processes with one identity', () => {
  let portal: PortalFixture
  let tokens: Record<'client' | 'gateway', string>
  const open: ControlPeer[] = []

  before(async () => {
    portal = await PortalFixture.start()
    const ada = await portal.create('/actors', { name: 'Ada', email: 'ada@example.org' })
    const site = await portal.create('/sites', { name: 'Main' })
    tokens = {
      client: (await portal.create(`/actors/${ada.id}/client_tokens`)).token as string,
      gateway: (await portal.create(`/sites/${site.id}/gateway_tokens`)).token as string,
    }
  })
  after(async () => portal.stop())
  afterEach(async () => {
    for (const peer of open.splice(0)) {
      peer.close()
      await peer.closed
    }
  })

  const connect = async (
    options: Pick<PeerOptions, 'role' | 'publicKey' | 'externalId' | 'headers'>,
  ): Promise<ControlPeer> => {
    const peer = await ControlPeer.connect({ url: portal.url, token: tokens[options.role], ...options })
    open.push(peer)
    return peer
  }

  const join = async (
    options: Pick<PeerOptions, 'role' | 'publicKey' | 'externalId' | 'headers'>,
  ): Promise<ControlPeer> => {
    const peer = await connect(options)
    peer.send('phx_join', null)
    await peer.next('init')
    return peer
  }

  const refused = async (options: Parameters<typeof join>[0]): Promise<ConnectRefused> =>
    connect(options).then(
      () => Promise.reject(new Error('was not refused')),
      (error: Error) => error.cause as ConnectRefused,
    )

  const warnings = () => portal.logger.lines.filter(({ message }) => message.includes('have one identity'))
  const trail = async () => (await portal.api('GET', '/audit_log?limit=100')).body.data.length as number

  for (const role of ['client', 'gateway'] as const) {
    it(`H13 a second ${role} with one identity leaves the first alone and is told in words, which writes nothing down and warns once`, async () => {
      const externalId = `cloned ${role}`
      const first = await join({ role, externalId })
      const before = { warnings: warnings().length, trail: await trail() }
      for (const publicKey of [keyOf(externalId), keyOf(`${externalId}, with a key of its own`)]) {
        for (let attempt = 0; attempt < 10; attempt++) {
          const { status, body } = await refused({ role, externalId, publicKey })
          expect(status).to.equal(409)
          expect(body).to.include({ reason: 'already_connected' })
          expect((body as { detail?: string }).detail).to.include('identity is connected')
        }
      }
      await first.settled()
      expect(await trail()).to.equal(before.trail)
      expect(warnings()).to.have.length(before.warnings + 1)
      expect(warnings().at(-1)).to.deep.include({ level: 'warn' })
    })

    it(`H13 a ${role} whose older connection does not answer gets the place, whatever key either has`, async () => {
      const externalId = `roaming ${role}`
      for (const publicKey of [keyOf(externalId), keyOf(`${externalId} after a restart`)]) {
        const older = await join({ role, externalId })
        older.socket.pause()
        const newer = await join({ role, externalId, publicKey })
        await newer.settled()
        older.socket.resume()
        await older.closed
        newer.close()
        await newer.closed
      }
    })

    it(`H7 a ${role} that connects again gets the place of its own older connection at once, though that answers, and no other process does`, async () => {
      const externalId = `moving ${role}`
      const of = (process: string, number: number) => ({
        role,
        externalId,
        headers: { [PROCESS_HEADER]: `${process.repeat(22)}.${number}` },
      })
      const older = await join(of('a', 1))
      const newer = await join(of('a', 2))
      await older.closed
      for (const late of [of('a', 1), of('a', 2), of('b', 3)]) {
        expect((await refused(late)).body).to.include({ reason: 'already_connected' })
      }
      expect((await refused(of('?', 4))).status).to.equal(400)
      await newer.settled()
    })

    it(`H13 of two processes that come at once one ${role} stays connected, and the other is refused as soon as it comes back`, async () => {
      const externalId = `twin ${role}`
      const twins = await Promise.all([connect({ role, externalId }), connect({ role, externalId })])
      for (const twin of twins) twin.send('phx_join', null)
      const loser = await Promise.race(twins.map(async (twin) => twin.closed.then(() => twin)))
      const [winner] = twins.filter((twin) => twin !== loser)
      await winner?.next('init')
      expect((await refused({ role, externalId })).body).to.include({ reason: 'already_connected' })
      await winner?.settled()
    })

    for (const dialect of DIALECTS) {
      it(`H13 two ${dialect} ${role} processes of a released product that come back at once whenever they are closed end in one winner, and change places only when it ends`, async () => {
        const externalId = `released ${role} ${dialect}`
        const process = (name: string) =>
          new ReleasedProcess({
            url: portal.url,
            role,
            dialect,
            token: tokens[role],
            externalId,
            // A new key at each start, as released peers have it.
            publicKey: keyOf(`${externalId} ${name}`),
            userAgent: `Debian/12.0.0 ${role === 'client' ? 'headless-client' : 'gateway'}/1.5.8 (x86_64; 6.1.0)`,
          })
        const contenders = [process('a'), process('b')]
        for (let round = 0; round < 3; round++) {
          const outcomes = await Promise.all(contenders.map(async (each) => each.goOn()))
          const won = outcomes.filter((outcome) => outcome.type === 'joined')
          const [lost] = outcomes.filter((outcome) => outcome.type === 'refused')
          expect(won).to.have.length(1)
          expect(lost).to.include({ status: 409, retryAfterSeconds: role === 'gateway' ? 5 : 60 })
          expect(lost?.detail).to.include('identity is connected').and.to.include('copy')
          for (const { peer } of won) {
            await peer.settled()
            peer.close()
            await peer.closed
          }
        }
        for (const { connects } of contenders) expect(connects).to.be.at.most(9)
      })
    }
  }
})
