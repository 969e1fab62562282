import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { PortalConfig } from '../../../hosts/portal/config.ts'
import { openRows } from '../../../hosts/portal/open-rows.ts'
import { createClock, createRandom } from '../../../hosts/runtime/index.ts'
import { run } from '../../../hosts/cli/program.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'

/** Plugin that provides one key at two points, reads a fact that another brings, and needs a port that portals lack. */
const ODD = `
import { definePlugin, fact, Facts, FactSources, DnsExchange, OutgoingSockets, PolicyConditions, UpstreamResolvers, z } from 'portreeve'
export const Shift = fact('rota.shift', z.string(), { by: Facts.actor.email })
const holds = () => ({ evaluate: () => ({ holds: true, reason: 'always' }) })
export const plugin = definePlugin({
  name: 'odd',
  api: 1,
  description: 'Is odd.',
  config: z.strictObject({ as: z.string() }),
  setup({ config: { as }, provide }) {
    const settings = z.strictObject({ word: z.string(), password: z.string().meta({ writeOnly: true }) })
    if (as === 'two') {
      provide(PolicyConditions, 'odd', { settings, create: holds })
      provide(UpstreamResolvers, 'odd', { settings: z.strictObject({ at: z.int() }), create: () => ({ resolve: async () => ({ type: 'notMine' }) }) })
    }
    if (as === 'reader') provide(PolicyConditions, 'odd', { facts: { shift: Shift }, create: holds })
    if (as === 'source') provide(FactSources, 'odd', { fact: Shift, everyMs: 1000, goodForMs: 2000, create: () => ({ refresh: async () => ({ values: {} }) }) })
    if (as === 'needy') provide(PolicyConditions, 'odd', { needs: { exchange: DnsExchange }, create: holds })
  },
})
`

const PEER = ['transport-wireguard', 'resolver-system']

describe('the plugins of a configuration, seen by portreeve plugin', () => {
  const folder = new PackageFolder()

  before(() => {
    const place = join(folder.path, 'node_modules/portreeve-odd')
    mkdirSync(place)
    writeFileSync(
      join(place, 'package.json'),
      '{ "name": "portreeve-odd", "version": "3.2.1", "type": "module", "exports": "./index.js" }',
    )
    writeFileSync(join(place, 'index.js'), ODD)
  })
  after(() => folder.remove())

  const portreeve = async (...args: string[]) => {
    const [printed, told]: [string[], string[]] = [[], []]
    const output = {
      print: (text: string) => printed.push(text),
      json: (value: unknown) => printed.push(JSON.stringify(value)),
      tell: (text: string) => told.push(text),
    }
    const code = await run(args, { env: {}, output })
    return { code, printed: printed.join('\n'), told: told.join('\n') }
  }

  /** Runs a command on a configuration with these plugins, `odd as …` being the odd one, and further settings. */
  const plugin = async (command: string[], plugins: readonly string[], settings: object = {}) => {
    const entries = plugins.map((name) => {
      const as = /^odd as (.*)$/.exec(name)?.[1]
      return as === undefined ? { use: `builtin:${name}` } : { use: 'portreeve-odd', config: { as } }
    })
    writeFileSync(folder.configFile, JSON.stringify({ plugins: entries, ...settings }))
    return portreeve('plugin', ...command, '--config', folder.configFile)
  }

  it('X3 plugin check --host stops where that host would, with its code', async () => {
    const cases: [host: string, plugins: string[], settings: object, code: string][] = [
      ['client', ['resolver-system'], {}, 'PLUGIN_MISSING: no plugin provides a tunnel transport'],
      ['gateway', [...PEER, 'transport-memory'], {}, 'PLUGIN_CHOICE: .*Write which one to use: transport: wireguard'],
      ['gateway', PEER, { transport: 'memory' }, 'PLUGIN_MISSING: no plugin provides the tunnel transport "memory"'],
      ['client', ['transport-wireguard'], {}, 'PLUGIN_CHOICE: resolvers.0.: .*"system"'],
      [
        'client',
        [...PEER, 'resolver-udp'],
        { resolvers: ['udp'] },
        'CONFIG_INVALID: [^]*resolvers.0..settings.address',
      ],
      ['portal', ['odd as reader'], {}, 'PLUGIN_FACT_UNKNOWN: .*rota.shift, which is brought by no plugin'],
      ['portal', ['odd as needy'], {}, 'PLUGIN_PORT: .*dns-exchange'],
      ['portal', ['condition-nothing'], {}, 'PLUGIN_UNKNOWN: '],
    ]
    for (const [host, plugins, settings, says] of cases) {
      const { code, told } = await plugin(['check', '--host', host], plugins, settings)
      expect(told).to.match(new RegExp(says))
      expect(code, says).to.be.oneOf([1, 2])
    }
    const { code, told } = await plugin(['check', '--host', 'client'], ['odd as needy', ...PEER])
    expect(code, told).to.equal(0)
  })

  it('X3 plugin check --host names what that host does not use, and why', async () => {
    const unused = async (host: string, plugins: string[], settings: object = {}) => {
      const { printed, told } = await plugin(['check', '--host', host, '--json'], plugins, settings)
      expect(printed, told).not.to.equal('')
      const { unused: list } = JSON.parse(printed) as { unused: { key: string; why: string }[] }
      return list.map(({ key, why }) => `${key}: ${why}`)
    }
    const all = [...PEER, 'transport-memory', 'resolver-udp', 'condition-remote-ip']
    expect(await unused('gateway', all, { transport: 'wireguard' })).to.deep.equal([
      'memory: the tunnel transport is wireguard',
      'udp: resolvers of the configuration does not name it',
      'remote-ip: a gateway has no policy-conditions',
    ])
    expect(await unused('portal', ['transport-wireguard', 'odd as source'])).to.deep.equal([
      'wireguard: a portal has no tunnel-transports',
      'odd: no condition and no selector reads the fact rota.shift',
    ])
    // The account may name any resolver that a client has.
    expect(await unused('client', [...PEER, 'resolver-udp'])).to.deep.equal([])
  })

  it('X3 plugin check --rows names what rows of the portal’s database need, and what none names', async () => {
    const settings = { state_folder: join(folder.path, 'state') }
    const check = ['check', '--host', 'portal', '--rows']
    const loaded = ['selector-random', 'condition-remote-ip']
    const absent = await plugin(check, loaded, settings)
    expect(absent.told, 'a check makes no database').to.include('DATABASE_MISSING')
    const ports = { clock: createClock(), random: createRandom(), logger: new RecordingLogger() }
    const { store } = await openRows({ config: PortalConfig.parse(settings), ...ports })
    const by = { type: 'system', part: 'init' } as const
    const account = await store.createAccount({ slug: 'example', name: 'Example' }, by)
    await store.transact({ accountId: account.id, by }, async (tx) => {
      await tx.insert('sites', { name: 'Berlin', selector: 'random', selectorSettings: {} })
      await tx.insert('sites', { name: 'Paris', selector: 'own', selectorSettings: {} })
    })
    const missing = await plugin(check, loaded, settings)
    expect(missing).to.include({ code: 1 }).and.to.have.property('told').that.includes('gateway selector own')
    await store.transact({ accountId: account.id, by }, async (tx) => {
      const sites = await tx.list('sites', { where: { selector: 'own' } })
      for (const { id } of sites) await tx.patch('sites', id, { selector: 'random' })
    })
    await store.close()
    const { printed, told } = await plugin(check, loaded, settings)
    expect(printed, told).to.include('remote-ip of policy-conditions (condition-remote-ip): no row of the database')
    expect(printed).not.to.include('does not use random')
    expect((await plugin(['check', '--rows', '--host', 'client'], PEER)).told).to.include('only a portal has rows')
  })

  it('X3 plugin check without a host misses nothing that only another kind of host needs', async () => {
    const { code, printed } = await plugin(['check'], ['condition-remote-ip', 'transport-wireguard'])
    expect(code).to.equal(0)
    expect(printed).to.include('policy-conditions').and.to.include('tunnel-transports').and.not.to.include('not use')
  })

  it('plugin list shows what each plugin provides, reads and brings', async () => {
    const { printed } = await plugin(['list', '--host', 'portal'], ['condition-remote-ip', 'odd as source'])
    expect(printed).to.include('condition-remote-ip 0.1.0, builtin:condition-remote-ip')
    expect(printed).to.match(/policy-conditions +remote-ip +settings operator, ranges · reads client\.address/)
    expect(printed).to.include('odd 3.2.1, portreeve-odd\n  Is odd.').and.to.include('brings rota.shift')
    const listed = await plugin(['list', '--json', '--host', 'portal'], ['odd as source'])
    const { plugins } = JSON.parse(listed.printed) as { plugins: { provides: object[] }[] }
    expect(plugins[0]).to.deep.include({
      name: 'odd',
      package: 'portreeve-odd',
      description: 'Is odd.',
      isolation: 'none',
    })
    expect(plugins[0]?.provides[0]).to.deep.include({
      point: 'fact-sources',
      settings: null,
      reads: [],
    })
    expect(plugins[0]?.provides[0]).to.have.property('brings').that.includes({ by: 'actor.email', every_ms: 1_000 })
  })

  it('plugin schema prints the settings of a key, or of one of the points that have it', async () => {
    const schema = async (key: string) =>
      plugin(['schema', key, '--host', 'portal', '--json'], ['condition-remote-ip', 'odd as two'])
    const one = JSON.parse((await schema('remote-ip')).printed) as object
    expect(one).to.have.nested.property('properties.ranges.type', 'array')
    expect(await schema('odd')).to.include({ code: 2 }).and.to.have.property('told').that.includes('Write one of: policy-conditions/odd, upstream-resolvers/odd') // prettier-ignore
    const secret = JSON.parse((await schema('policy-conditions/odd')).printed) as object
    expect(secret).to.have.nested.property('properties.password.writeOnly', true)
    expect((await schema('upstream-resolvers/odd')).printed).to.include('"at"')
    expect((await schema('nothing')).told).to.include('policy-conditions/remote-ip')
    const transport = await plugin(['schema', 'wireguard'], ['transport-wireguard'])
    expect(transport.told).to.include('wireguard of tunnel-transports has no settings')
  })
})
