import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Finding } from '../../../hosts/cli/finding.ts'
import { run } from '../../../hosts/cli/program.ts'
import type { NameInspection } from '../../../hosts/client/names/name-inspection.ts'
import type { ClientStatus } from '../../../hosts/client/session/client-status.ts'
import { openClientSocket } from '../../../hosts/client/session/control-socket.ts'
import type { ControlSocket } from '../../../hosts/peer/control-socket.ts'
import { exampleClientStatus, exampleGateway } from '../../kit/client-status.ts'
import { TlsProxy } from '../../kit/tls-proxy.ts'

/** Secrets of a client, in the forms in which it keeps them. */
const SECRETS = {
  token: '.SFMyNTY.g2gDaANtAAAAJGE5YTk5.abcdefghij',
  deviceKey: 'wm2n3sJrNn0m0L7kT9yDqQ3v5x8zB1cE4fGhIjKlMnO',
  environment: 'eyJhbGciOiJIUzI1NiJ9.payload.signature',
  file: 'service-account-token-1234567890',
  key: 'aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd28=',
  password: 'proxy-pass',
}

describe('client diagnose', () => {
  let folder: string
  let portal: Server
  let portalUrl: string
  let control: ControlSocket | undefined
  let answer: { status: number; code?: string; date?: Date }
  let status: ClientStatus

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'diagnose-'))
    answer = { status: 401, code: 'invalid_token' }
    portal = createServer(({ headers }, response) => {
      const { status: code, date = new Date(), ...body } = answer
      // A portal's way: the answer to a request for a WebSocket has no time, that to one for a page has.
      response.sendDate = false
      const time = headers.upgrade === undefined ? { date: date.toUTCString() } : {}
      response.writeHead(code, { ...time, 'content-type': 'application/problem+json' })
      response.end(JSON.stringify(body))
    })
    await new Promise<void>((resolve) => portal.listen(0, '127.0.0.1', resolve))
    portalUrl = `http://127.0.0.1:${(portal.address() as AddressInfo).port}`
    status = connected(`${portalUrl.replace('http', 'ws')}/client/v2/websocket`)
  })
  afterEach(async () => {
    await control?.close()
    control = undefined
    portal.closeAllConnections()
    await new Promise((resolve) => portal.close(resolve))
    await rm(folder, { recursive: true })
  })

  const diagnose = async (
    args: readonly string[] = [],
    { env = {}, isRunning = true }: { env?: NodeJS.ProcessEnv; isRunning?: boolean } = {},
  ) => {
    if (isRunning) {
      const refused = () => Promise.reject(new Error('nobody asks for this'))
      control = await openClientSocket(join(folder, 'client.sock'), {
        status: () => Promise.resolve(status),
        'dns-query': (input) => Promise.resolve(inspection(input as { name: string; type: string })),
        'want-access': () => Promise.resolve(null),
        down: refused,
        'sign-in': refused,
        'sign-in-paste': refused,
        'sign-out': refused,
      })
    }
    const config = join(folder, 'client.yaml')
    const lines = [
      `portal_url: ${portalUrl}`,
      'socket: client.sock',
      'state_folder: state',
      'token_file: service-token',
    ]
    await writeFile(config, lines.join('\n'))
    const [printed, told]: [string[], string[]] = [[], []]
    const code = await run(['client', 'diagnose', ...args, '--config', config, '--json'], {
      env,
      output: {
        print: (text) => printed.push(text),
        json: (value) => printed.push(JSON.stringify(value)),
        tell: (text) => told.push(text),
      },
    })
    const { findings } = JSON.parse(printed.join('') || '{"findings":[]}') as { findings: Finding[] }
    return { code, findings, told: told.join('\n') }
  }
  const of = (findings: readonly Finding[], part: string) => findings.filter((one) => one.part === part)

  it('client diagnose walks from the portal to a resource, and ends with 0 where nothing is wrong', async () => {
    const { code, findings } = await diagnose()
    expect(findings.filter(({ state }) => state === 'wrong')).to.deep.equal([])
    expect(code).to.equal(0)
    expect(new Set(findings.map(({ part }) => part))).to.include.all.keys(
      'name',
      'portal',
      'clock',
      'client',
      'machine',
      'udp',
      'relay',
      'names',
      'resource',
      'path',
    )
    expect(of(findings, 'resource')[0]?.said).to.match(/^localhost \(GitLab\) is reached by gateway berlin-1, direct /)
    expect(of(findings, 'udp')[0]?.said).to.match(/203\.0\.113\.1:3478 sees this machine at .*, outside of a NAT/)
  })

  it('client diagnose says that the client does not run, after what it can look at without it', async () => {
    const { code, findings } = await diagnose([], { isRunning: false })
    expect(code).to.equal(4)
    expect(of(findings, 'portal')[0]).to.include({ state: 'fine' })
    expect(of(findings, 'client')[0]).to.deep.include({
      code: 'client_not_running',
      remedy: 'Start it: portreeve client up',
    })
  })

  it('client diagnose says what answers in the portal’s place, and that the clocks differ', async () => {
    answer = { status: 502, date: new Date(Date.now() + 3_600_000) }
    const { code, findings } = await diagnose()
    expect(code).to.equal(4)
    expect(of(findings, 'portal')[0]).to.include({ state: 'wrong', code: 'portal_behind_proxy' })
    expect(of(findings, 'clock')[0]).to.include({ state: 'wrong', code: 'clock_differs' })
    expect(of(findings, 'clock')[0]?.said).to.match(/(59|60) min behind the portal’s/)
  })

  it('client diagnose shows a certificate that is not trusted', async () => {
    const proxy = await TlsProxy.start({ name: '127.0.0.1', clientAddress: '192.0.2.7' })
    try {
      portalUrl = `https://127.0.0.1:${proxy.port}`
      const { code, findings } = await diagnose([], { isRunning: false })
      expect(code).to.equal(4)
      const [refused, certificate] = of(findings, 'portal')
      expect(refused).to.include({ state: 'wrong', code: 'certificate_self_signed' })
      expect(refused?.remedy).to.include('ca_file')
      expect(certificate?.said).to.match(/^Its certificate is for test, by test, until /)
    } finally {
      await proxy.stop()
    }
  })

  it('M4 client diagnose says which gateway is not reached, and that UDP does not pass', async () => {
    const [gateway] = status.gateways
    status.state = 'limited'
    if (gateway !== undefined)
      status.gateways = [{ ...gateway, path: null, path_kind: null, lost_at: '2025-12-31T23:59:59.000Z' }]
    status.reach = {
      udp: 'blocked',
      offers: [],
      stun: [{ server: '203.0.113.1:3478', mapped: null, is_answering: false }],
      relays: [{ relay: '203.0.113.9:3478', state: 'allocated', relayed: ['203.0.113.9:50000'], refusal: null }],
    }
    status.resources = status.resources.map((one) => ({
      ...one,
      state: 'denied',
      reason: 'forbidden',
      why: ['Not at night.'],
    }))
    const { code, findings } = await diagnose()
    expect(of(findings, 'path')[0]).to.include({ state: 'wrong', said: 'berlin-1: unreachable since 13 s.' })
    expect(of(findings, 'udp')[0]).to.include({ state: 'wrong', code: 'udp_blocked' })
    expect(of(findings, 'resource')[0]).to.include({ code: 'forbidden', remedy: 'Not at night.' })
    expect(code, 'the first fault is the denial').to.equal(6)
    status.resources = status.resources.map((one) => ({ ...one, reason: 'newer_reason' }))
    await control?.close()
    expect((await diagnose()).code, 'so with a reason that this version does not know').to.equal(6)
  })

  it('D16 client diagnose says that programs of this machine do not ask the client for names', async () => {
    inspection = ({ name, type }) => ({
      ...inspected(name, type),
      answers: [{ name, type: 'A', ttl: 1, data: '100.96.0.1' }],
    })
    const { code, findings } = await diagnose(['127.0.0.1'])
    inspection = ({ name, type }) => inspected(name, type)
    expect(of(findings, 'names')[0]).to.include({ state: 'wrong', code: 'names_not_asked' })
    expect(code).to.equal(4)
  })

  it('client diagnose ends with 3 where the client is signed out', async () => {
    status = { ...status, state: 'signed_out', portal: null, reach: null }
    expect(await diagnose()).to.include({ code: 3 })
  })

  it('a bundle has everything but secrets, in a new file that nobody else reads', async () => {
    await mkdir(join(folder, 'state'))
    await writeFile(join(folder, 'state/token'), SECRETS.token)
    await writeFile(join(folder, 'state/device-key'), `${SECRETS.deviceKey}\n`)
    await writeFile(join(folder, 'service-token'), `${SECRETS.file}\n`)
    // Places where a secret does not belong, and could come to stand: what a plugin, a person or a proxy has said.
    status.actor = SECRETS.token
    status.facts = [
      { name: 'plugin', value: { key: SECRETS.key, file: SECRETS.file, device: SECRETS.deviceKey }, is_told: false },
    ]
    status.lane_reason = `by http://proxy:${SECRETS.password}@192.0.2.9:3128`
    status.resources[0]?.why.push(`token ${SECRETS.environment}`)
    const path = join(folder, 'bundle.json')
    const { code, told } = await diagnose(['--bundle', path], { env: { PORTREEVE_TOKEN: SECRETS.environment } })
    expect({ code, told }).to.deep.equal({ code: 0, told: `Written to ${path}.` })
    const text = await readFile(path, 'utf8')
    for (const [name, secret] of Object.entries(SECRETS)) expect(text, name).to.not.include(secret)
    const bundle = JSON.parse(text) as Record<string, unknown>
    expect(bundle).to.have.all.keys('made_at', 'version', 'machine', 'config', 'findings', 'status')
    expect(text).to.include('berlin-1').and.include('SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU')
    expect((await stat(path)).mode & 0o777).to.equal(0o600)
  })

  it('a bundle never replaces a file, nor follows a link', async () => {
    const [path, elsewhere] = [join(folder, 'bundle.json'), join(folder, 'elsewhere')]
    await symlink(elsewhere, path)
    const { code, told } = await diagnose(['--bundle', path])
    expect(code).to.equal(1)
    expect(told).to.include('BUNDLE_EXISTS')
  })
})

const inspected = (name: string, type: string): NameInspection => ({
  name,
  type,
  rule: 'resource',
  resources: [{ id: 'r1', name: 'GitLab' }],
  upstream: null,
  site_trouble: null,
  code: 'NOERROR',
  answers: type === 'A' ? [{ name, type, ttl: 1, data: '127.0.0.1' }] : [{ name, type, ttl: 1, data: '::1' }],
  ms: 1,
})
let inspection = ({ name, type }: { name: string; type: string }): NameInspection => inspected(name, type)

const connected = (url: string): ClientStatus =>
  exampleClientStatus({
    portal: { url, problem: null },
    reach: {
      udp: 'works',
      offers: [{ endpoint: '10.0.0.5:52625', source: 'interface' }],
      stun: [{ server: '203.0.113.1:3478', mapped: '198.51.100.7:52625', is_answering: true }],
      relays: [{ relay: '203.0.113.9:3478', state: 'allocated', relayed: ['203.0.113.9:50000'], refusal: null }],
    },
    gateways: [exampleGateway({ loss: { lost: 0, of: 100 } })],
    resources: [
      { id: 'r1', name: 'GitLab', address: 'localhost', state: 'connected', gateway_id: 'g1', reason: null, why: [] },
    ],
  })
