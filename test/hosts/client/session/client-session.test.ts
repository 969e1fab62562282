import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { PeerEnd } from '../../../../core/config/host-config.ts'
import { Secret } from '../../../../core/runtime/secret.ts'
import { ClientSession } from '../../../../hosts/client/session/client-session.ts'
import type { NameInspection } from '../../../../hosts/client/names/name-inspection.ts'
import type { ClientStatus } from '../../../../hosts/client/session/client-status.ts'
import { ClientConfig } from '../../../../hosts/client/config.ts'
import { Revocations } from '../../../../hosts/client/session/revocations.ts'
import type { RunningClient } from '../../../../hosts/client/session/running-client.ts'
import { askClient } from '../../../../hosts/client/session/control-socket.ts'
import { createSecretStore } from '../../../../hosts/runtime/index.ts'
import { readTokenFile, writeTokenFile } from '../../../../hosts/runtime/token-file.ts'
import { exampleClientStatus } from '../../../kit/client-status.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'

/** A running client without a network. */
class FakeClient implements RunningClient {
  static runs: FakeClient[] = []
  #end: (end: PeerEnd) => void = () => undefined
  readonly token: string
  isStopped = false
  readonly ended = new Promise<PeerEnd>((resolve) => (this.#end = resolve))

  readonly wanted: string[] = []

  constructor(token: Secret) {
    this.token = token.reveal()
    FakeClient.runs.push(this)
    started(this)
  }

  status(): ClientStatus {
    return exampleClientStatus()
  }

  inspectName({ name, type }: { name: string; type: string }): Promise<NameInspection> {
    const none = { resources: [], upstream: null, site_trouble: null, code: 'NXDOMAIN', answers: [], ms: 1 }
    return Promise.resolve({ name, type, rule: 'upstream', ...none })
  }

  wantAccess(resourceId: string): void {
    this.wanted.push(resourceId)
  }

  end(end: PeerEnd): void {
    this.#end(end)
  }

  async stop(): Promise<void> {
    this.isStopped = true
  }
}

let started: (client: FakeClient) => void = () => undefined

describe('hosts/client/session/client-session', () => {
  let folder: string
  let config: ClientConfig
  let session: ClientSession

  const open = (settings: Partial<ClientConfig> = {}, token?: Secret): Promise<PeerEnd> => {
    config = ClientConfig.parse({
      portal_url: 'http://portal.example.org:8080',
      account: 'example',
      state_folder: join(folder, 'state'),
      socket: join(folder, 'client.sock'),
      ...settings,
    })
    const secrets = createSecretStore('file', config.state_folder)
    session = new ClientSession({
      config,
      token,
      random: new SeededRandom(3),
      secrets,
      revocations: new Revocations({ secrets, revoke, clock }),
      start: async (given) => new FakeClient(given),
      tell: (text) => told(text),
    })
    return session.run()
  }
  let clock: VirtualClock
  /** Tokens that the portal was asked to revoke, and whether it is reached. */
  let revoked: string[]
  let isPortalAway: boolean
  const revoke = (given: Secret): Promise<void> => {
    if (isPortalAway) return Promise.reject(new Error('the portal is not reached'))
    revoked.push(given.reveal())
    return Promise.resolve()
  }
  let told: (text: string) => void
  /** Resolves once the session waits for a sign-in. */
  const waiting = (): Promise<string> => new Promise((resolve) => (told = resolve))
  const nextClient = (): Promise<FakeClient> => new Promise((resolve) => (started = resolve))

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'session-'))
    FakeClient.runs = []
    clock = new VirtualClock()
    revoked = []
    isPortalAway = false
    told = () => undefined
    started = () => undefined
  })
  afterEach(async () => {
    session.stop()
    await rm(folder, { recursive: true })
  })

  it('a session runs a client with the token that it was given, shows its status, and stops it when asked to', async () => {
    const running = nextClient()
    const end = open({}, new Secret('service.token'))
    const client = await running
    expect(client.token).to.equal('service.token')
    expect(await askClient(config.socket, 'status')).to.deep.equal(exampleClientStatus())
    await askClient(config.socket, 'down')
    expect(await end).to.deep.equal({ reason: 'stopped' })
    expect(client.isStopped).to.equal(true)
  })

  it('a session has its client ask for a resource, once it knows which', async () => {
    const running = nextClient()
    void open({}, new Secret('service.token'))
    const client = await running
    await askClient(config.socket, 'want-access', { input: { resource_id: 'r1' } })
    const nonsense = await askClient(config.socket, 'want-access', { input: 'r1' }).catch((error: unknown) => error)
    expect(nonsense).to.include({ code: 'BAD_REQUEST' })
    expect(client.wanted).to.deep.equal(['r1'])
  })

  it('a session is over where a service’s token is refused or the portal never answers', async () => {
    for (const reason of ['signed_out', 'unreachable'] as const) {
      const running = nextClient()
      const end = open({}, new Secret('service.token'))
      ;(await running).end({ reason, detail: 'invalid_token' })
      expect(await end).to.deep.equal({ reason, detail: 'invalid_token' })
    }
  })

  it('a session is signed out where there is neither a token nor an account', async () => {
    expect((await open({ account: undefined })).reason).to.equal('signed_out')
  })

  it('a session says that a sign-in is over, and by which command to sign in again, when the portal ends it', async () => {
    await writeTokenFile(join(folder, 'state', 'token'), new Secret('a.token'))
    const running = nextClient()
    const end = open()
    const client = await running
    const texts: string[] = []
    const said = new Promise<void>((resolve) => {
      told = (text) => {
        if (texts.push(text) === 2) resolve()
      }
    })
    client.end({ reason: 'signed_out', detail: 'token_expired' })
    await said
    expect(texts).to.deep.equal([
      'The sign-in is over: it has expired, or it was ended at the portal.',
      'Signed out. To sign in: portreeve client sign-in',
    ])
    expect(await readTokenFile(join(config.state_folder, 'token'))).to.equal(undefined)
    session.stop()
    expect(await end).to.deep.equal({ reason: 'stopped' })
  })

  it('S7 a session signs in by a browser, keeps the token, and forgets it on sign-out', async () => {
    const idle = waiting()
    const end = open()
    await idle
    expect(await askClient(config.socket, 'status')).to.include({ state: 'signed_out' })
    const running = nextClient()
    const { url } = (await askClient(config.socket, 'sign-in')) as { url: string }
    const { searchParams } = new URL(url)
    const callback = new URL(searchParams.get('callback') ?? '')
    callback.search = new URLSearchParams({ state: searchParams.get('state') ?? '', fragment: '.abc' }).toString()
    await fetch(callback)
    const client = await running
    expect(client.token).to.equal(`${searchParams.get('nonce')}.abc`)
    expect((await readTokenFile(join(config.state_folder, 'token')))?.reveal()).to.equal(client.token)

    const idleAgain = waiting()
    expect(await askClient(config.socket, 'sign-out')).to.deep.equal({ revoked: true, problem: null })
    await idleAgain
    expect(revoked).to.deep.equal([client.token])
    expect(client.isStopped).to.equal(true)
    expect(await readTokenFile(join(config.state_folder, 'token'))).to.equal(undefined)
    session.stop()
    expect(await end).to.deep.equal({ reason: 'stopped' })
  })

  it('S11 a session whose portal is away at the sign-out says so, and has the token revoked later, by the next process too', async () => {
    await writeTokenFile(join(folder, 'state', 'token'), new Secret('kept.token'))
    isPortalAway = true
    const running = nextClient()
    const end = open()
    await running
    const signedOut = { revoked: false, problem: 'the portal is not reached' }
    expect(await askClient(config.socket, 'sign-out')).to.deep.equal(signedOut)
    expect(await readTokenFile(join(config.state_folder, 'token'))).to.equal(undefined)
    session.stop()
    await end
    const idle = waiting()
    const next = open()
    await idle
    isPortalAway = false
    for (const deadline = Date.now() + 20_000; revoked.length === 0 && Date.now() < deadline;) {
      clock.advance(60_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(revoked).to.deep.equal(['kept.token'])
    session.stop()
    await next
  })

  it('a session does not have the token of a service revoked, which is an administrator’s', async () => {
    const running = nextClient()
    const end = open({}, new Secret('service.token'))
    await running
    expect(await askClient(config.socket, 'sign-out')).to.deep.equal({ revoked: false, problem: null })
    expect(await end).to.deep.equal({ reason: 'stopped' })
    expect(revoked).to.deep.equal([])
  })

  it('a session connects with the kept token, and waits for a sign-in when the portal refuses it', async () => {
    await writeTokenFile(join(folder, 'state', 'token'), new Secret('kept.token'))
    const [running, idle] = [nextClient(), waiting()]
    const end = open()
    const client = await running
    expect(client.token).to.equal('kept.token')
    client.end({ reason: 'signed_out', detail: 'invalid_token' })
    await idle
    expect(await readTokenFile(join(folder, 'state', 'token'))).to.equal(undefined)
    session.stop()
    await end
  })

  it('S7 a session signs in by pasted text, and reports text that is no token', async () => {
    const said = waiting()
    void open()
    await said
    await refusal(askClient(config.socket, 'sign-in-paste', { input: { text: '.abc' } }), 'NO_SIGN_IN')
    const begun = (await askClient(config.socket, 'sign-in', { input: { by_paste: true } })) as { url: string }
    expect(begun.url).not.to.include('callback')
    await refusal(askClient(config.socket, 'sign-in-paste', { input: { text: 'no token!' } }), 'PASTE_REFUSED')
    const running = nextClient()
    await askClient(config.socket, 'sign-in-paste', { input: { text: '.SFMyNTY.abc' } })
    expect((await running).token).to.equal(`${new URL(begun.url).searchParams.get('nonce')}.SFMyNTY.abc`)
  })

  it('a session refuses a sign-in while it is signed in', async () => {
    const running = nextClient()
    void open({}, new Secret('service.token'))
    await running
    const refusal = await askClient(config.socket, 'sign-in').then(String, (error: { code: string }) => error.code)
    expect(refusal).to.equal('SIGNED_IN')
  })
})

const refusal = async (asked: Promise<unknown>, code: string): Promise<void> => {
  const error = await asked.then(
    () => undefined,
    (failed: unknown) => failed,
  )
  expect(error).to.have.property('code', code)
}
