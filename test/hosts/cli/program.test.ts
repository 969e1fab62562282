import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { NOUNS } from '../../../hosts/cli/nouns.ts'
import type { ClientStatus, ClientLinkState } from '../../../hosts/client/session/client-status.ts'
import type { NameInspection } from '../../../hosts/client/names/name-inspection.ts'
import type { SignedOut } from '../../../hosts/client/session/client-session.ts'
import { openGatewaySocket } from '../../../hosts/gateway/control-socket.ts'
import type { TransportProblem } from '../../../core/ice/transport-news.ts'
import type { HostProblem } from '../../../core/runtime/host-problems.ts'
import type { PortalProblem } from '../../../core/control/portal-problem.ts'
import type { MetricSeries } from '../../../core/plugin/plugin-metrics.ts'
import type { ClientPath, GatewayStatus } from '../../../hosts/gateway/gateway-status.ts'
import type { ReachStatus } from '../../../hosts/peer/reach-status.ts'
import { openClientSocket } from '../../../hosts/client/session/control-socket.ts'
import type { ControlSocket } from '../../../hosts/peer/control-socket.ts'
import { portreeve as commandLine, type Outcome } from '../../kit/command-line.ts'
import { EXAMPLE_PATH, exampleClientStatus, exampleGateway } from '../../kit/client-status.ts'
import { kernelProblem } from '../../kit/needs-kernel.ts'

/** Runs the command line with an environment, and answers to what it asks for. */
const portreeve = async (
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  more: { readHidden?: () => Promise<string> } = {},
): Promise<Outcome> => commandLine(args, { env, ...more })

describe('hosts/cli/program', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cli-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }

  it('the command line teaches by example in the help of each command', async () => {
    const commands = [
      '',
      'portal',
      'portal init',
      'gateway',
      'gateway status',
      'gateway metrics',
      'client metrics',
      'client diagnose',
      'gateway diagnose',
      'client',
      'client up',
      'client down',
      'client status',
    ]
    for (const command of [
      ...commands,
      ...Object.keys(NOUNS),
      'client ping',
      'client sign-in',
      'client sign-out',
      'plugin new',
      'plugin check',
      'plugin list',
      'plugin schema',
      'lab',
      'explain',
      'simulate',
      'apply',
      'completion',
      'export',
      'login',
      'logout',
    ]) {
      const { code, printed } = await portreeve([...command.split(' ').filter((word) => word !== ''), '--help'])
      expect(code, command).to.equal(0)
      expect(printed, command).to.match(/Examples?:\n {2}\$ /)
    }
  })

  it('the command line ends with 2 where its arguments make no sense, and says how to go on', async () => {
    const cases = [['nonsense'], ['portal'], ['portal', '--nonsense'], ['lab', 'nonsense'], ['portal', 'init'], []]
    for (const args of cases) {
      const { code, told, printed } = await portreeve(args)
      expect(code, args.join(' ')).to.equal(2)
      expect(told, args.join(' ')).to.match(/--help|There is: story|Usage:/)
      expect(printed).to.equal('')
    }
  })

  it('the command line ends with 2 where a configuration does not fit, with code and path', async () => {
    const config = await file('portal.yaml', 'public_url: http://192.0.2.1:8080\nlisten:\n  prt: 1\n')
    const { code, told } = await portreeve(['portal', '--config', config])
    expect(code).to.equal(2)
    expect(told).to.include('CONFIG_INVALID').and.include('listen').and.include('prt')
  })

  it('the command line reports the system’s error, without a stack trace', async () => {
    await file('state', 'no folder')
    const config = await file('portal.yaml', 'state_folder: ./state\nplugins: []\n')
    const args = ['portal', 'init', '--config', config, '--account', 'example', '--admin-email', 'ada@example.org']
    const { code, told } = await portreeve(args)
    expect(code).to.equal(1)
    expect(told).to.match(/^portreeve: E[A-Z]+: .*state/)
    expect(told).not.to.match(/\.[jt]s:\d/)
  })

  it('the command line reports a missing token file of a gateway, and does not take it for none', async () => {
    const config = await file('gateway.yaml', 'portal_url: https://portal.example.org\ntoken_file: ./gone\n')
    const { code, told } = await portreeve(['gateway', '--config', config])
    expect(code).to.equal(1)
    expect(told).to.include('SECRET_FILE_MISSING').and.to.include(join(folder, 'gone'))
  })

  it('the command line names the file of --token-file that is missing, or that others may read', async () => {
    const asking = ['--portal', 'http://127.0.0.1:9', '--token-file', join(folder, 'gone')]
    const commands = [
      ['explain', '--actor', 'ada@example.org', '--resource', 'wiki', ...asking],
      ['simulate', '--remove-policy', 'a0a0a0a0-0000-4000-8000-000000000000', ...asking],
    ]
    for (const command of commands) {
      const { code, told } = await portreeve(command)
      expect(code).to.equal(1)
      expect(told).to.match(/SECRET_FILE_MISSING: the token file \S+gone is not there/)
    }
    await writeFile(join(folder, 'gone'), 'a.token', { mode: 0o644 })
    expect((await portreeve(commands[0] ?? [])).told).to.match(/SECRET_FILE_MODE: .*chmod 600/)
  })

  it('the command line prints its version', async () => {
    expect(await portreeve(['--version'])).to.deep.include({ code: 0, printed: '0.1.0' })
  })

  describe('portal init', () => {
    let config: string
    const init = (...more: string[]) =>
      portreeve(['portal', 'init', '--config', config, '--admin-email', 'ada@example.org', ...more])

    beforeEach(async () => {
      config = await file('portal.yaml', 'public_url: http://192.0.2.1:8080\nstate_folder: state\n')
    })

    it('portal init makes an account, its admin and a token, in the folder beside the configuration', async () => {
      const { code, printed } = await init('--account', 'example', '--json')
      expect(code).to.equal(0)
      const made = JSON.parse(printed) as { account: object; admin: object; token: string }
      expect(Object.keys(made)).to.have.members(['account', 'admin', 'token'])
      expect(made.account).to.have.all.keys('id', 'slug').and.include({ slug: 'example' })
      expect(made.admin).to.have.all.keys('id', 'email').and.include({ email: 'ada@example.org' })
      expect(made.token).to.match(/^[\w.-]{40,}$/)
      expect((await stat(join(folder, 'state'))).isDirectory()).to.equal(true)
    })

    it('portal init says which account there is already, and which slug is malformed', async () => {
      await init('--account', 'example')
      expect(await init('--account', 'example')).to.deep.include({ code: 1 })
      expect((await init('--account', 'example')).told).to.include('ACCOUNT_EXISTS')
      expect(await init('--account', 'No Slug')).to.deep.include({ code: 2 })
    })
  })

  describe('plugin check', () => {
    it('plugin check prints what each plugin provides', async () => {
      const config = await file('portal.yaml', 'public_url: x\nplugins:\n  - use: builtin:selector-random\n')
      const { code, printed } = await portreeve(['plugin', 'check', '--config', config, '--json'])
      expect(code).to.equal(0)
      expect(JSON.parse(printed)).to.deep.equal({
        plugins: [
          { name: 'selector-random', version: '0.1.0', provides: [{ point: 'gateway-selectors', key: 'random' }] },
        ],
      })
      expect((await portreeve(['plugin', 'check', '--config', config])).printed).to.match(
        /selector-random +0\.1\.0 +gateway-selectors +random/,
      )
    })

    it('plugin check fails as the host does where a plugin is missing or broken, and says where', async () => {
      const cases: [string, string][] = [
        ['builtin:nothing', 'PLUGIN_UNKNOWN'],
        ['not-installed', 'PLUGIN_NOT_FOUND'],
        ['broken', 'PLUGIN_IMPORT_FAILED'],
        ['empty', 'PLUGIN_NO_EXPORT'],
      ]
      for (const [name, text] of [
        ['broken', 'throw new Error("no luck")'],
        ['empty', ''],
      ] as const) {
        await mkdir(join(folder, 'node_modules', name), { recursive: true })
        await file(`node_modules/${name}/package.json`, '{"type":"module"}')
        await file(`node_modules/${name}/index.js`, text)
      }
      for (const [use, problem] of cases) {
        const config = await file('portal.yaml', `plugins:\n  - use: builtin:selector-random\n  - use: ${use}\n`)
        const { code, told } = await portreeve(['plugin', 'check', '--config', config])
        expect(code).to.equal(1)
        expect(told).to.include(problem).and.include('plugins[1]')
      }
    })
  })

  it('a client’s broken plugins are refused before anybody is asked to sign in', async function () {
    if (kernelProblem() !== undefined) this.skip() // the missing kernel would be the reason of refusal instead
    const lines = [
      'portal_url: https://portal.example.org',
      'account: example',
      'state_folder: state',
      'socket: x.sock',
    ]
    for (const [plugin, refused] of [
      ['builtin:transport-pigeon', /PLUGIN_\w+: .*transport-pigeon/],
      ['builtin:resolver-system', /PLUGIN_MISSING.*builtin:transport-/],
    ] as const) {
      const config = await file('client.yaml', `${lines.join('\n')}\nplugins:\n  - use: ${plugin}\n`)
      const { code, told } = await portreeve(['client', 'up', '--config', config])
      expect(code, plugin).to.be.oneOf([1, 2])
      expect(told).to.match(refused).and.not.contain('sign-in')
    }
  })

  describe('gateway', () => {
    it('gateway status prints the gateway’s state, its drops too, and ends with 0 or 4', async () => {
      const codes = { connected: 0, connecting: 4, unreachable: 4 } as const
      for (const state of ['connected', 'connecting', 'unreachable'] as const) {
        const path = join(folder, 'gateway.sock')
        const status: GatewayStatus = {
          at: '2026-01-01T00:00:12.500Z',
          state,
          portal: { url: 'ws://127.0.0.1:9/gateway/v2/websocket', problem: state === 'unreachable' ? PROBLEM : null },
          transport: { plugin: 'transport-wireguard', problem: state === 'connecting' ? FAILING : null },
          problems: state === 'connecting' ? [DROPPING] : [],
          lane: 'native',
          lane_reason: 'sealed by OpenSSL’s EVP',
          reach: REACH,
          clients: 2,
          path_kinds: { direct: 0, nat: 1, relayed: 0, websocket: 0, none: 1 },
          peers: [CLIENT_PATH],
          plugin_metrics: [ASKED],
          dropped: { flows: { 'source-not-own': 7 }, tunnels: {} },
        }
        const control = await openGatewaySocket(path, { status: async () => status })
        const config = await file('gateway.yaml', 'portal_url: https://portal.example.org\nstate_folder: .\n')
        try {
          const asked = await portreeve(['gateway', 'status', '--config', config, '--json'])
          expect(asked.code, state).to.equal(codes[state])
          expect(JSON.parse(asked.printed)).to.deep.equal(status)
          const { printed } = await portreeve(['gateway', 'status'], { PORTREEVE_SOCKET: path })
          expect(printed)
            .to.match(/state +/)
            .and.match(/reached at +10\.0\.0\.5:52625 \(its own\), 203\.0\.113\.7:52625 \(advertised_addresses\)/)
            .and.match(/UDP +blocked by this network: relays are reached by WebSockets/)
            .and.match(/STUN +203\.0\.113\.10:3478 does not answer/)
            .and.match(/flows +source-not-own +7/)
            .and.match(/ada@example\.org +100\.64\.0\.7 +direct through NAT 198\.51\.100\.9:40000, 0\.4 ms, .*12 s ago/)
            .and.match(/and 1 more/)
            .and.match(/portreeve_plugin_queries_total +plugin=resolver-odd +3/)
          const metrics = await portreeve(['gateway', 'metrics'], { PORTREEVE_SOCKET: path })
          expect(metrics.printed)
            .to.include(`portreeve_gateway_connected ${state === 'connected' ? 1 : 0}`)
            .and.include('portreeve_gateway_paths{kind="nat"} 1')
            .and.include('portreeve_gateway_sent_bytes_total{client="c1"} 1234567')
            .and.include('portreeve_gateway_dropped_total{part="flows",reason="source-not-own"} 7')
            .and.match(/^# HELP portreeve_gateway_connected /)
          const { code, printed: found } = await portreeve(['gateway', 'diagnose', '--config', config])
          expect(code, 'nothing listens at the portal’s URL').to.equal(4)
          expect(found)
            .to.match(/WRONG portal +ws:.* \(connection_refused\)\n +Look whether the portal/)
            .and.match(/^note +udp +The STUN server 203\.0\.113\.10:3478 does not answer/m)
            .and.match(/^ok +path +It offers clients 10\.0\.0\.5:52625, 203\.0\.113\.7:52625/m)
            .and.match(/things? (?:is|are) wrong/)
          if (state === 'unreachable') expect(printed).to.include(PROBLEM.said).and.include(PROBLEM.remedy)
          if (state === 'connecting') {
            expect(printed).to.include(FAILING.said).and.include(FAILING.remedy)
            expect(printed).to.include(DROPPING.said).and.include(DROPPING.remedy)
          }
        } finally {
          await control.close()
        }
      }
    })

    it('gateway status says that no gateway answers, and what to do', async () => {
      const { code, told } = await portreeve(['gateway', 'status'], { PORTREEVE_SOCKET: join(folder, 'gone.sock') })
      expect(code).to.equal(4)
      expect(told).to.include('portreeve gateway')
    })
  })

  describe('client', () => {
    let control: ControlSocket | undefined
    let asked: string[]
    let signedOut: SignedOut

    const client = async (
      state: ClientLinkState,
      status = STATUS(state),
      inspection: NameInspection = INSPECTION,
    ): Promise<NodeJS.ProcessEnv> => {
      const path = join(folder, 'client.sock')
      asked = []
      signedOut = { revoked: true, problem: null }
      const note = (command: string) => async () => void asked.push(command)
      control = await openClientSocket(path, {
        status: async () => status,
        down: note('down'),
        'sign-in': async () => ({ url: 'https://portal.example.org/example?as=headless-client' }),
        'sign-in-paste': async (input) => void asked.push(`pasted ${JSON.stringify(input)}`),
        'sign-out': async () => {
          asked.push('sign-out')
          return signedOut
        },
        'dns-query': async (input) => ({ ...inspection, ...(input as object) }),
        'want-access': async (input) => void asked.push(`wanted ${JSON.stringify(input)}`),
      })
      return { PORTREEVE_SOCKET: path }
    }
    afterEach(async () => {
      await control?.close()
      control = undefined
    })

    it('client status prints the client’s state exactly, and ends with 0, 3 or 4', async () => {
      const codes = { connected: 0, signed_out: 3, limited: 4, connecting: 4, unreachable: 4 } as const
      for (const state of Object.keys(codes) as ClientLinkState[]) {
        const env = await client(state)
        const { code, printed } = await portreeve(['client', 'status', '--json'], env)
        expect(code, state).to.equal(codes[state])
        expect(JSON.parse(printed)).to.deep.equal(STATUS(state))
        await control?.close()
      }
    })

    it('M4 client status ends with 4 where packets do not reach a resource, and says what to look at', async () => {
      const [reached, ...others] = STATUS('connected').resources
      const why = [
        'No packet gets through to its gateway berlin-1, nor from there to here.',
        'Look whether firewalls let UDP through.',
      ]
      for (const [state, code] of [
        ['requested', 4],
        ['connecting', 4],
        ['idle', 0],
        ['denied', 0],
        ['connected', 0],
        ['unreachable', 4],
      ] as const) {
        const resources = reached === undefined ? [] : [{ ...reached, state, why: code === 4 ? why : [] }, ...others]
        const env = await client('connected', { ...STATUS('connected'), resources })
        const { code: ended, printed } = await portreeve(['client', 'status'], env)
        expect(ended, state).to.equal(code)
        if (code === 4) for (const line of why) expect(printed).to.include(line)
        await control?.close()
      }
    })

    it('client status shows people gateways and resources, and why one is denied', async () => {
      const { printed } = await portreeve(['client', 'status'], await client('connected'))
      for (const part of [
        'connected',
        'berlin-1',
        '192.0.2.1:52625',
        'GitLab',
        'denied',
        'forbidden',
        '192.0.2.53',
        'resolver "hosts-file" is not asked',
        'outside the hours',
        '1 denied, 1 connected (2 in all)',
        'direct through NAT 192.0.2.1:52625, 12.3 ms, 2 of the last 100 checks lost, sent 1.2 MB, received 999 B, MTU 1408, last handshake 12 s ago',
        'disk.encrypted',
        'portreeve_plugin_queries_total',
        'no-flow',
        'a handshake for another key',
      ]) {
        expect(printed).to.include(part)
      }
    })

    it('client metrics prints paths, resources, drops and what plugins count, for Prometheus', async () => {
      const { code, printed } = await portreeve(['client', 'metrics'], await client('connected'))
      expect(code).to.equal(0)
      for (const line of [
        'portreeve_client_connected 1',
        'portreeve_client_resources{state="denied"} 1',
        'portreeve_client_paths{kind="nat"} 1',
        'portreeve_client_paths{kind="none"} 0',
        'portreeve_client_round_trip_seconds{gateway="g1"} 0.01234',
        'portreeve_client_lost_checks_ratio{gateway="g1"} 0.02',
        'portreeve_client_received_bytes_total{gateway="g1"} 999',
        'portreeve_client_dropped_total{part="tunnels",reason="wrong-mac1"} 3',
        'portreeve_plugin_queries_total{plugin="resolver-odd"} 3',
      ]) {
        expect(printed.split('\n')).to.include(line)
      }
    })

    it('client status shows only resources with a word or in a state, and counts all', async () => {
      const env = await client('connected')
      const named = await portreeve(['client', 'status', 'GITLAB'], env)
      expect(named.printed).to.include('gitlab.example.org').and.include('(2 in all)').and.not.include('jenkins')
      const { printed } = await portreeve(['client', 'status', '--state', 'denied', '--json'], env)
      expect((JSON.parse(printed) as ClientStatus).resources.map(({ name }) => name)).to.deep.equal(['Jenkins'])
      expect((await portreeve(['client', 'status', '--state', 'lost'], env)).code).to.equal(2)
    })

    it('M4 client status says since when a gateway is not reached', async () => {
      const status = STATUS('connected')
      const [gateway] = status.gateways
      const lost_at = '2025-12-31T23:59:59.100Z'
      if (gateway !== undefined) status.gateways = [{ ...gateway, path: null, path_kind: null, lost_at }]
      const { code, printed } = await portreeve(
        ['client', 'status'],
        await client('limited', { ...status, state: 'limited' }),
      )
      expect(code).to.equal(4)
      expect(printed)
        .to.match(/^state +limited: gateway berlin-1 is not reached$/m)
        .and.match(/berlin-1 +unreachable since 13 s/)
    })

    it('client down, sign-in and sign-out ask the running client', async () => {
      const env = await client('connected')
      expect(await portreeve(['client', 'down'], env)).to.include({ code: 0 })
      const json = JSON.stringify({ state: 'signed_out', revoked: true, problem: null })
      expect(await portreeve(['client', 'sign-out', '--json'], env)).to.include({ printed: json, code: 0 })
      expect(asked).to.deep.equal(['down', 'sign-out'])
      signedOut = { revoked: false, problem: 'portal.example.org has no address.' }
      const { printed } = await portreeve(['client', 'sign-out'], env)
      expect(printed).to.include('has not revoked the token yet').and.include('portal.example.org has no address.')
      expect((await portreeve(['client', 'sign-in'], env)).printed).to.equal(
        'https://portal.example.org/example?as=headless-client',
      )
    })

    it('S7 client sign-in --paste prints the address, reads what is pasted, and says who is signed in', async () => {
      const env = await client('connected')
      const paste = { readHidden: async () => ' .SFMyNTY.abc ' }
      const { code, printed, told } = await portreeve(['client', 'sign-in', '--paste'], env, paste)
      expect(code).to.equal(0)
      expect(printed).to.include('https://portal.example.org/example')
      expect(told).to.include('Signed in as Ada (example)')
      expect(asked).to.deep.equal(['pasted {"text":" .SFMyNTY.abc "}'])
      expect(printed + told).not.to.include('SFMyNTY')
    })

    it('client sign-in --paste ends with 1 where nothing was pasted', async () => {
      const env = await client('signed_out')
      const nothing = { readHidden: async () => '' }
      const { code, told } = await portreeve(['client', 'sign-in', '--paste'], env, nothing)
      expect(code).to.equal(1)
      expect(told).to.include('PASTE_REFUSED')
    })

    it('D12 client dns query shows the rule, the upstream and how long it took', async () => {
      const env = await client('connected')
      const json = await portreeve(['client', 'dns', 'query', 'www.example.com', '--type', 'AAAA', '--json'], env)
      expect(json.code).to.equal(0)
      expect(JSON.parse(json.printed)).to.deep.equal({ ...INSPECTION, type: 'AAAA' })
      const { printed } = await portreeve(['client', 'dns', 'query', 'www.example.com'], env)
      for (const part of [
        'www.example.com A',
        'an upstream resolver',
        '192.0.2.53:53',
        'NOERROR',
        '12 ms',
        '192.0.2.7',
      ]) {
        expect(printed).to.include(part)
      }
    })

    describe('client ping', () => {
      const found = (id: string): NameInspection => ({
        ...INSPECTION,
        rule: 'resource',
        resources: [{ id, name: 'found' }],
        answers: [{ name: 'found', type: 'A', ttl: 1, data: '127.0.0.1' }],
      })

      it('client ping says which gateway carries packets, by which path, and how a port answers', async () => {
        const server = createServer((socket) => socket.end())
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        const { port } = server.address() as AddressInfo
        try {
          const env = await client('connected', STATUS('connected'), found('r1'))
          const { code, printed } = await portreeve(['client', 'ping', `gitlab.example.org:${port}`], env)
          expect(code).to.equal(0)
          for (const part of ['GitLab, by gateway berlin-1', 'direct through NAT 192.0.2.1:52625, 12.3 ms']) {
            expect(printed).to.include(part)
          }
          expect(printed).to.match(new RegExp(`port ${port} answers after [\\d.]+ ms`))
          expect(asked).to.deep.equal(['wanted {"resource_id":"r1"}'])
        } finally {
          server.close()
        }
        const refused = await portreeve(['client', 'ping', `gitlab.example.org:${port}`, '--json'], {
          PORTREEVE_SOCKET: join(folder, 'client.sock'),
        })
        expect(refused.code).to.equal(4)
        expect(JSON.parse(refused.printed)).to.deep.include({ gateway: STATUS('connected').gateways[0] })
        expect(JSON.parse(refused.printed).connection).to.include({ port, outcome: 'refused', code: 'ECONNREFUSED' })
      })

      it('client ping says why access is denied, and ends with 6', async () => {
        const env = await client('connected', STATUS('connected'), found('r2'))
        const { code, printed } = await portreeve(['client', 'ping', 'jenkins.example.org'], env)
        expect(code).to.equal(6)
        expect(printed)
          .to.match(/Jenkins, denied \(forbidden\)/)
          .and.include('outside the hours')
      })

      it('client ping refuses what belongs to no resource, and says who answers it', async () => {
        const env = await client('connected')
        const named = await portreeve(['client', 'ping', 'www.example.com'], env)
        expect(named.code).to.equal(1)
        expect(named.told).to.match(/NOT_A_RESOURCE.*192\.0\.2\.53:53 answers it/)
        expect((await portreeve(['client', 'ping', '198.51.100.1'], env)).told).to.include('NOT_A_RESOURCE')
        expect((await portreeve(['client', 'ping', 'a b'], env)).code).to.equal(2)
        expect(asked).to.deep.equal([])
      })

      it('client ping ends with 3 where the client is signed out', async () => {
        const env = await client('signed_out')
        expect(await portreeve(['client', 'ping', 'gitlab.example.org'], env)).to.include({ code: 3 })
      })
    })

    it('client commands find the socket by the configuration too', async () => {
      await client('connected')
      const config = await file('client.yaml', 'portal_url: http://192.0.2.1:8080\nsocket: client.sock\n')
      expect(await portreeve(['client', 'status', '--config', config])).to.include({ code: 0 })
    })

    it('client commands end with 4 where no client runs', async () => {
      const env = { PORTREEVE_SOCKET: join(folder, 'none.sock') }
      for (const command of ['status', 'down', 'sign-in', 'sign-out']) {
        const { code, told } = await portreeve(['client', command], env)
        expect(code, command).to.equal(4)
        expect(told).to.include('CLIENT_NOT_RUNNING')
      }
    })
  })
})

const INSPECTION: NameInspection = {
  name: 'www.example.com',
  type: 'A',
  rule: 'upstream',
  resources: [],
  upstream: '192.0.2.53:53',
  site_trouble: null,
  code: 'NOERROR',
  answers: [{ name: 'www.example.com', type: 'A', ttl: 60, data: '192.0.2.7' }],
  ms: 12,
}

const PROBLEM: PortalProblem = {
  url: 'wss://portal.example.org/client/v2/websocket',
  step: 'tls',
  code: 'certificate_expired',
  said: 'certificate has expired',
  remedy: 'The portal’s certificate has to be renewed.',
}

const FAILING: TransportProblem = {
  code: 'transport_failing',
  said: 'the plugin transport-odd keeps failing at packetQueued: TypeError',
  remedy: 'Install another version of the plugin.',
}

const ASKED: MetricSeries = {
  name: 'portreeve_plugin_queries_total',
  type: 'counter',
  labels: { plugin: 'resolver-odd' },
  value: 3,
}

const DROPPING: HostProblem = {
  code: 'forward_drop',
  said: 'the chain forward of the table inet filter drops the packets of clients',
  remedy: 'Let them pass.',
  blocks: true,
}

const REACH: ReachStatus = {
  udp: 'blocked',
  offers: [
    { endpoint: '10.0.0.5:52625', source: 'interface' },
    { endpoint: '203.0.113.7:52625', source: 'advertised' },
  ],
  stun: [{ server: '203.0.113.10:3478', mapped: null, is_answering: false }],
  relays: [{ relay: '203.0.113.9:3478', state: 'allocated', relayed: ['203.0.113.9:50000'], refusal: null }],
}

const PATH = { path_kind: 'nat', loss: { lost: 2, of: 100 } } as const

const CLIENT_PATH: ClientPath = {
  ...EXAMPLE_PATH,
  ...PATH,
  id: 'c1',
  address: '100.64.0.7',
  actor: 'ada@example.org',
  path: '198.51.100.9:40000',
  round_trip_ms: 0.4,
}

const STATUS = (state: ClientLinkState): ClientStatus =>
  exampleClientStatus({
    state,
    portal: { url: PROBLEM.url, problem: state === 'unreachable' ? PROBLEM : null },
    transport: { plugin: 'transport-wireguard', problem: state === 'connecting' ? FAILING : null },
    problems: state === 'connecting' ? [DROPPING] : [],
    reach: REACH,
    gateways: [exampleGateway(PATH)],
    resources: [
      {
        id: 'r1',
        name: 'GitLab',
        address: 'gitlab.example.org',
        state: 'connected',
        gateway_id: 'g1',
        reason: null,
        why: [],
      },
      {
        id: 'r2',
        name: 'Jenkins',
        address: 'jenkins.example.org',
        state: 'denied',
        gateway_id: null,
        reason: 'forbidden',
        why: [
          'Your access to it depends on conditions that do not hold now.',
          'time-window: it is outside the hours of UTC.',
        ],
      },
    ],
    names: [
      {
        name: 'old.example.org',
        resource_id: 'r1',
        ipv4: 'no_such_name',
        ipv6: 'no_such_name',
        why: 'old.example.org: the site’s name servers do not have the name.',
      },
    ],
    dns: {
      upstreams: ['192.0.2.53'],
      problems: ['The account\'s resolver "hosts-file" is not asked: no plugin of this client provides it.'],
    },
    facts: [
      { name: 'disk.encrypted', value: true, is_told: true },
      { name: 'disk.kind', value: null, is_told: false },
    ],
    plugin_metrics: [ASKED],
    dropped: { flows: { 'no-flow': 12 }, lane: {}, tunnels: { 'wrong-mac1': 3 } },
  })
