import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { stringify } from 'yaml'
import { parseConfig } from '../../core/config/parse-config.ts'
import { DAY } from '../../core/runtime/time.ts'
import { eventually } from '../../hosts/lab/eventually.ts'
import { Lab } from '../../hosts/lab/lab.ts'
import { LabPlugins } from '../../hosts/lab/lab-plugins.ts'
import { allow } from '../../hosts/lab/setting-up.ts'
import { walk, type StepReport } from '../../hosts/lab/step.ts'
import { MACHINES, UPSTREAM_NAMES } from '../../hosts/lab/topology.ts'
import { explained, TRYING_PLUGINS } from '../../hosts/lab/trying-plugins.ts'
import { isMapped, World } from '../../hosts/lab/world.ts'
import { EXAMPLES, InstalledExamples } from '../kit/installed-examples.ts'
import { needsKernel } from '../kit/needs-kernel.ts'
import { PATIENCE_MS } from '../kit/patience.ts'
import { PortalFixture } from '../kit/portal-fixture.ts'

const GITLAB = 'gitlab.example.org'
/** Name that only a file at the gateways has. */
const AT_SITE = 'files.corp.example'
/** Name that only a file at the client has. */
const AT_CLIENT = 'fixture.example.net'
const PUBLIC = UPSTREAM_NAMES['public.example.org']
const PASSWORD = 'correct horse battery staple'
const ROTA_PORT = 9111
/** Port of a name server on the client's own machine, and a name that only it has. */
const OWN_DNS_PORT = 5353
const AT_OWN = 'box.own.example.net'
const DISK = 'machine/sys/dev/block/253:0'

/** Serves the rota, which changes. */
const ROTA_SERVER = `import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
createServer((_, answer) => answer.end(readFileSync('rota.json'))).listen(${ROTA_PORT}, () => console.log('ready'))
`

/** File for \`portreeve lab --plugins\` by which each example is used. */
const USES = {
  plugins: [
    { use: 'portreeve-disk-encryption', config: { system: 'machine', everyMs: 1_000 } },
    { use: 'portreeve-identity-password-file', config: { file: 'passwords' } },
    { use: 'portreeve-oncall', config: { url: `http://services.example.org:${ROTA_PORT}/`, everyMs: 200 } },
    { use: 'portreeve-resolver-hosts-file' },
    { use: 'portreeve-selector-least-loaded' },
    { use: 'portreeve-transport-noise-kk' },
  ],
  services: ['node rota-server.mjs'],
  transport: 'noise-kk',
  client: {
    resolvers: [
      { type: 'udp', settings: { address: '127.0.0.1', port: OWN_DNS_PORT }, match: ['own.example.net'] },
      'system',
    ],
  },
  gateway: { resolvers: [{ type: 'hosts-file', settings: { path: 'site-hosts' } }, 'system'] },
  account: {
    identity_provider: { type: 'password-file', answers: { email: 'ada@example.org', password: PASSWORD } },
    selector: 'least-loaded',
    conditions: [
      { condition: 'on-call', settings: { rota: 'database' } },
      { condition: 'disk-encryption', settings: {} },
    ],
    upstream_resolvers: [{ type: 'hosts-file', settings: { path: 'client-hosts' }, match: ['example.net'] }],
  },
}

describe('the example plugins, packed and installed as those of a third party', () => {
  const examples = new InstalledExamples()
  const { operator } = examples

  before(async function () {
    this.timeout(300_000)
    await examples.install()
    writeFileSync(operator.configFile, stringify({ state_folder: './state', plugins: USES.plugins }))
  })
  after(() => examples.remove())

  it('each example passes its own tests, the conformance suite of its extension point among them', async function () {
    this.timeout(60_000)
    const { passed, failed } = await examples.test()
    expect(failed).to.deep.equal([])
    for (const name of EXAMPLES) {
      expect(passed.filter((file) => file.includes(`/${name}/`)).length, name).to.be.at.least(2)
    }
  })

  it('a real portal validates the settings of a selector by its own schema', async () => {
    const plugins = [{ use: 'portreeve-selector-least-loaded' }]
    const portal = await PortalFixture.start({ config: { plugins }, configFile: operator.configFile })
    try {
      const settings = { name: 'Berlin', selector: 'least-loaded', selector_settings: { slack: 5 } }
      expect(await portal.create('/sites', settings)).to.include({ selector: 'least-loaded' })
      const wrong = { ...settings, name: 'Paris', selector_settings: { slack: -1 } }
      const refused = await portal.api('POST', '/sites', wrong)
      expect(refused.status).to.equal(422)
      expect(JSON.stringify(refused.body)).to.include('slack')
    } finally {
      await portal.stop()
    }
  })

  describe('in a running system: the lab, with a file of plugins', function () {
    needsKernel()
    this.timeout(240_000)
    let lab: Lab
    let world: World
    let reports: StepReport[] = []
    const detailOf = (step: RegExp): string => reports.find(({ name }) => step.test(name))?.detail ?? ''
    const writeRota = (shifts: object[]): void => {
      writeFileSync(join(operator.path, 'rota.json'), JSON.stringify({ shifts }))
    }
    /** Writes what device mapper says of the disk of the machine that the client's plugin looks at. */
    const encrypt = (isEncrypted: boolean): void => {
      writeFileSync(join(operator.path, DISK, 'dm/uuid'), isEncrypted ? 'CRYPT-LUKS2-0123-root\n' : 'LVM-0123-root\n')
    }
    const look = async (name: string) => String(await world.resolve(name))

    before(async () => {
      const command = join(operator.path, 'node_modules/.bin/portreeve-identity-password-file')
      writeFileSync(
        join(operator.path, 'passwords'),
        await examples.run(operator, command, ['ada@example.org'], PASSWORD),
      )
      for (const folder of ['machine/proc/self', `${DISK}/dm`]) {
        mkdirSync(join(operator.path, folder), { recursive: true })
      }
      const mounts = '22 1 253:0 / / rw shared:1 - ext4 /dev/mapper/root rw\n'
      writeFileSync(join(operator.path, 'machine/proc/self/mountinfo'), mounts)
      encrypt(true)
      writeFileSync(join(operator.path, 'site-hosts'), `${MACHINES.web.site} ${AT_SITE}\n`)
      writeFileSync(join(operator.path, 'client-hosts'), `${PUBLIC} ${AT_CLIENT}\n`)
      writeFileSync(join(operator.path, 'rota-server.mjs'), ROTA_SERVER)
      writeRota([{ email: 'ada@example.org', rota: 'database', ends: Date.now() + DAY }])
      const brought = { ...parseConfig(LabPlugins, USES, 'lab.yaml'), folder: operator.path }
      lab = await Lab.open({ brought, hasProvider: false })
      const answer = [`--address=/${AT_OWN}/${PUBLIC}`, `--port=${OWN_DNS_PORT}`, '--listen-address=127.0.0.1']
      const alone = ['--keep-in-foreground', '--bind-interfaces', '--conf-file=/dev/null', '--no-resolv', '--pid-file=']
      const dnsmasq = lab.machines.client.spawn('dnsmasq', [...alone, '--log-facility=-', '--user=root', ...answer], {
        name: 'own-dns',
      })
      await dnsmasq.line((line) => line.includes('started'))
      world = new World(lab)
      reports = await walk(TRYING_PLUGINS, world, { onReport: () => undefined, interrupted: lab.crashed })
    })
    after(() => lab.close())

    it('every step of the scenario for plugins holds', () => {
      expect(reports.filter(({ ok }) => !ok)).to.deep.equal([])
      expect(reports).to.have.length(TRYING_PLUGINS.length)
    })

    it('portreeve plugin check shows for each host what it loads of the examples', () => {
      const lines = detailOf(/load their plugins/).split('\n')
      const resolver = 'hosts-file of upstream-resolvers by resolver-hosts-file 1.0.0'
      const ofPeer = `${resolver}, noise-kk of tunnel-transports by transport-noise-kk 1.0.0`
      const disk = 'disk-encryption of fact-sources by disk-encryption 1.0.0'
      const ofPortal = [
        disk,
        'disk-encryption of policy-conditions by disk-encryption 1.0.0',
        'password-file of identity-providers by identity-password-file 1.0.0',
        'oncall of fact-sources by oncall 1.0.0',
        'on-call of policy-conditions by oncall 1.0.0',
        resolver,
        'least-loaded of gateway-selectors by selector-least-loaded 1.2.0',
      ].join(', ')
      expect(lines).to.deep.equal([`portal: ${ofPortal}`, `client: ${disk}, ${ofPeer}`, `gateway: ${ofPeer}`])
    })

    it('the identity provider signs a person in, by the password that the file has for her', () => {
      const signIn = detailOf(/Ada signs in/)
      expect(signIn).to.match(/^Ada of example/)
      expect(signIn).to.match(/POST 200 \S+\/example\/sign_in\/password-file\//)
    })

    it('the transport, which is not WireGuard, carries the page between client and gateway in the script lane', async () => {
      expect(await world.page(`http://${GITLAB}/`)).to.include({ host: GITLAB, server: 'web' })
      const status = await world.clientStatus()
      expect(status)
        .to.include({ lane: 'script' })
        .and.to.have.nested.property('transport.plugin', 'transport-noise-kk')
      for (const name of ['client', 'gateway-1', 'gateway-2'] as const) {
        expect(lab.part(name).output, name).to.include('exports no keys')
      }
    })

    it('the selector is named by the explanation, with its reason', () => {
      expect(detailOf(/portal explains/)).to.match(
        /gateway-[12], chosen because it is among the least loaded, with \d clients/,
      )
    })

    it("D12 the resolver answers at the client by the account's settings, and leaves other names to the next", async () => {
      const { dns } = await world.clientStatus()
      expect(dns.upstreams[0]).to.equal('the file client-hosts for example.net')
      expect(await look(AT_CLIENT)).to.equal(PUBLIC)
      expect(await look('public.example.org')).to.equal(PUBLIC)
      const refused = world.api.patch('account', { upstream_resolvers: [{ type: 'hosts-file', settings: {} }] })
      const reason = await refused.then(
        () => 'it was accepted',
        (error: unknown) => String(error),
      )
      expect(reason).to.include('upstream_resolvers[0].settings.path')
    })

    it("D12 a resolver of client.yaml may be a server on the client's own machine", async () => {
      expect(await look(AT_OWN)).to.equal(PUBLIC)
    })

    it('D10 the resolver finds a name of the site by gateway.yaml', async () => {
      await world.make('corp', 'resources', {
        type: 'dns',
        site_id: world.id('site'),
        name: 'Corp',
        address: AT_SITE,
        filters: [],
      })
      await allow(world, 'corp')
      await world.resolvesTo(AT_SITE, isMapped)
      expect(await world.page(`http://${AT_SITE}/`)).to.include({ host: AT_SITE, server: 'web' })
    })

    it('X4 the client says what a plugin finds out on its machine: access rests on it, and ends when it changes', async () => {
      const { facts, plugin_metrics } = await world.clientStatus()
      expect(facts).to.deep.equal([{ name: 'disk_encryption.root', value: true, is_told: true }])
      expect(plugin_metrics.map(({ labels }) => labels)).to.deep.include({ plugin: 'disk-encryption' })
      const { is_allowed, text } = await explained(world)
      expect(is_allowed).to.equal(true)
      expect(text.join('\n')).to.match(/disk_encryption\.root is yes \(as the client itself says since .*, not proven/)
      const comesTo = (isAllowed: boolean) =>
        eventually(async () => ((await explained(world)).is_allowed === isAllowed ? true : undefined), {
          what: isAllowed ? 'access is granted' : 'access is denied',
          timeoutMs: PATIENCE_MS,
        })
      encrypt(false)
      await comesTo(false)
      // Has the client ask again, and be told why.
      await world.fetch(`http://${GITLAB}/`, { timeoutMs: 2_000 })
      const { resources } = await world.clientStatus()
      const gitlab = resources.find(({ address }) => address === GITLAB)
      expect(gitlab?.why.join(' ')).to.include('The disk of your device is not encrypted')
      encrypt(true)
      await comesTo(true)
    })

    it('the condition decides by the fact that the source brings: access ends with the shift, and the explanation names both', async () => {
      const granted = detailOf(/portal explains/)
      expect(granted).to.include('on call for database').and.to.include('oncall')
      writeRota([])
      const { text } = await eventually(
        async () => {
          const explanation = await explained(world)
          return explanation.is_allowed ? undefined : explanation
        },
        { what: 'access is denied', timeoutMs: PATIENCE_MS },
      )
      expect(text.join('\n')).to.include('not on call for database')
      await eventually(
        async () => ((await world.fetch(`http://${GITLAB}/`, { timeoutMs: 2_000 })).ok ? undefined : true),
        { what: 'the page is out of reach', timeoutMs: PATIENCE_MS },
      )
      const { resources } = await world.clientStatus()
      expect(JSON.stringify(resources.find(({ address }) => address === GITLAB))).to.include('not on call for database')
    })

    it('the hosts are configured in hidden files beside that of the plugins, which end with the run', async () => {
      const hidden = () => readdirSync(operator.path).filter((name) => name.startsWith('.portreeve-lab-'))
      expect(hidden()).to.have.length(4)
      await lab.close()
      expect(hidden()).to.deep.equal([])
    })
  })
})
