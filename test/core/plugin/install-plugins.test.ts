import { expect } from 'chai'
import { describe, it } from 'mocha'
import { z } from 'zod'
import { OperatorError } from '../../../core/config/operator-error.ts'
import {
  GatewaySelectors,
  IdentityProviders,
  PolicyConditions,
  ResolverSettings,
  UpstreamResolvers,
} from '../../../core/contract/extension-point.ts'
import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import { Facts } from '../../../core/contract/facts.ts'
import { createContainer } from '../../../core/di.ts'
import { definePlugin, type PluginDefinition } from '../../../core/plugin/define-plugin.ts'
import type { Isolation } from '../../../core/plugin/isolation.ts'
import { installPlugins } from '../../../core/plugin/install-plugins.ts'
import { DnsExchange } from '../../../core/runtime/dns-exchange.ts'
import { Random } from '../../../core/runtime/random.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

class Coin implements PolicyCondition<{ bias: number }> {
  readonly started: string[] = []
  readonly random: Random
  constructor({ random }: { random: Random }) {
    this.random = random
  }
  evaluate() {
    return { holds: true as const, reason: String(this.random.bytes(1)[0]) }
  }
  start() {
    this.started.push('start')
  }
}

const Bias = z.strictObject({ bias: z.number().max(1) })

const coin = definePlugin({
  name: 'condition-coin',
  api: 1,
  config: z.strictObject({ sides: z.number().default(2) }),
  setup({ provide, config, context }) {
    expect(config.sides).to.equal(2)
    expect(context).to.deep.equal(CONTEXT)
    provide(PolicyConditions, 'coin', {
      settings: Bias,
      needs: { random: Random },
      create: (needs) => new Coin(needs),
    })
  },
})

const POINTS = [PolicyConditions, GatewaySelectors, IdentityProviders]
const CONTEXT = { folder: '/etc/portreeve', host: 'portal', hostVersion: '0.1.0' } as const

const install = (...definitions: PluginDefinition[]) => {
  const container = createContainer()
  container.value(Random, new SeededRandom())
  const uses = definitions.map((definition, index) => ({
    definition,
    config: index === 0 ? {} : undefined,
    source: `plugins[${index}]`,
  }))
  const installation = installPlugins(container, POINTS, uses, CONTEXT)
  return { container, installation }
}

/** A plugin in JavaScript whose declaration no compiler has checked. */
const declaring = (
  declaration: unknown,
  point: { readonly name: string } = PolicyConditions,
  key = 'untyped',
): PluginDefinition => ({
  name: 'condition-untyped',
  api: 1,
  setup({ provide }) {
    return (provide as (point: unknown, key: string, declaration: unknown) => undefined)(point, key, declaration)
  },
})

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof OperatorError) return error.code
    throw error
  }
  return 'none'
}

describe('installPlugins', () => {
  it("installPlugins builds extensions from the host's ports and registers one map per extension point", () => {
    const { container, installation } = install(coin)
    const conditions = container.get(PolicyConditions.token)
    expect([...conditions.keys()]).to.deep.equal(['coin'])
    expect(conditions.get('coin')?.value).to.be.instanceOf(Coin)
    expect(conditions.get('coin')).to.include({ plugin: 'condition-coin', version: '0.1.0' })
    expect(installation.parts).to.have.length(1)
  })

  it('installPlugins starts nothing', () => {
    const { installation } = install(coin)
    expect(installation.parts).to.have.nested.property('[0].part.started').that.deep.equals([])
  })

  it('installPlugins validates and describes the settings of extensions', () => {
    const settings = install(coin).container.get(PolicyConditions.token).get('coin')?.settings
    expect(settings?.safeParse({ bias: 0.5 })).to.deep.equal({ ok: true, settings: { bias: 0.5 } })
    expect(settings?.safeParse({ bias: 2 })).to.deep.include({ ok: false })
    expect(settings?.safeParse({ bias: 0.5, more: 1 })).to.deep.include({ ok: false })
    expect(settings?.jsonSchema()).to.have.nested.property('properties.bias')
  })

  it('installPlugins refuses a plugin for another API version, the same plugin twice and the same key twice', () => {
    const other = { ...coin, api: 2 }
    const again = definePlugin({ name: 'condition-coin-2', api: 1, setup: () => undefined })
    const sameKey = definePlugin({
      name: 'condition-other',
      api: 1,
      setup: ({ provide }) =>
        provide(PolicyConditions, 'coin', { create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }) }),
    })
    expect(codeOf(() => install(other))).to.equal('PLUGIN_API_MISMATCH')
    expect(codeOf(() => install(coin, coin))).to.equal('PLUGIN_DUPLICATE')
    expect(codeOf(() => install(coin, sameKey))).to.equal('PLUGIN_DUPLICATE_KEY')
    expect(codeOf(() => install(coin, again))).to.equal('none')
  })

  it('installPlugins refuses configuration that the schema does not know, and any at all where there is no schema', () => {
    const container = createContainer()
    container.value(Random, new SeededRandom())
    const plain = definePlugin({ name: 'condition-plain', api: 1, setup: () => undefined })
    const use = (definition: PluginDefinition, config: unknown) => () =>
      installPlugins(container, [], [{ definition, config, source: 'plugins[0]' }], CONTEXT)
    expect(codeOf(use(coin, { sides: 2, edges: 3 }))).to.equal('CONFIG_INVALID')
    expect(codeOf(use(plain, {}))).to.equal('CONFIG_INVALID')
    expect(codeOf(use(plain, undefined))).to.equal('none')
  })

  it('installPlugins leaves out what this kind of host has no use for, also where it lacks the ports', () => {
    const many = definePlugin({
      name: 'resolver-none',
      api: 1,
      setup: ({ provide }) =>
        provide(UpstreamResolvers, 'none', {
          needs: { exchange: DnsExchange },
          create: () => ({ resolve: () => Promise.resolve({ type: 'failed', code: 'refused', reason: 'x' }) }),
        }),
    })
    expect(install(coin, many).installation.plugins[1]?.provides).to.deep.equal([])
  })

  describe('installPlugins with a plugin that the configuration isolates', () => {
    const isolated = (setup: PluginDefinition['setup']) => {
      const opened: string[] = []
      const part = {}
      const uses = [
        {
          definition: definePlugin({ name: 'isolated', api: 1, setup }),
          config: undefined,
          source: 'plugins[0]',
          isIsolated: true,
        },
      ]
      const container = createContainer()
      const points = [PolicyConditions, GatewaySelectors, UpstreamResolvers]
      const installed = (isolation?: Isolation) => installPlugins(container, points, uses, CONTEXT, isolation)
      const open: Isolation['open'] = ({ definition }) => {
        opened.push(definition.name)
        return { part, factSource: () => ({ refresh: async () => Promise.resolve({ values: {} }) }) }
      }
      return { container, installed, open, opened, part }
    }
    const create = (): never => {
      throw new Error('it was created here')
    }

    it('opens one thread for all that it provides, and creates nothing itself', () => {
      const { container, installed, open, opened, part } = isolated(({ provide }) => {
        provide(PolicyConditions, 'one', { create })
        provide(GatewaySelectors, 'two', { create })
      })
      expect(installed({ open }).parts).to.deep.equal([{ plugin: 'isolated', part }])
      expect(opened).to.deep.equal(['isolated'])
      expect(container.get(PolicyConditions.token).get('one')).to.include({ isIsolated: true })
      const [condition] = container.get(PolicyConditions.token).values()
      expect(() => condition?.value.evaluate({} as never)).to.throw('a thread of its own')
    })

    it('X3 refuses what cannot run in a thread, and hosts that have none', () => {
      const resolver = isolated(({ provide }) => provide(UpstreamResolvers, 'names', { create }))
      expect(() => resolver.installed({ open: resolver.open }))
        .to.throw(
          OperatorError,
          /^plugins\[0\]: isolated provides "names" of upstream-resolvers, which cannot run in a worker/,
        )
        .with.property('code', 'PLUGIN_ISOLATION')
      const condition = isolated(({ provide }) => provide(PolicyConditions, 'one', { create }))
      expect(() => condition.installed())
        .to.throw(OperatorError, 'only a portal can do that')
        .with.property('code', 'PLUGIN_ISOLATION')
    })

    it('X3 creates it where it is only checked, and says what its thread would say', () => {
      const lacking = isolated(({ provide }) => provide(PolicyConditions, 'one', { create: () => ({}) as never }))
      expect(() => lacking.installed({ open: () => undefined }))
        .to.throw(OperatorError)
        .with.property('code', 'PLUGIN_METHODS')
      const needy = isolated(({ provide }) =>
        provide(PolicyConditions, 'one', { needs: { exchange: DnsExchange }, create }),
      )
      expect(() => needy.installed({ open: needy.open }))
        .to.throw(OperatorError)
        .with.property('code', 'PLUGIN_PORT')
    })
  })

  it('installPlugins creates nothing and needs no port where a host uses only the schemas', () => {
    const settings = z.strictObject({ path: z.string() })
    const described = definePlugin({
      name: 'resolver-files',
      api: 1,
      setup: ({ provide }) =>
        provide(UpstreamResolvers, 'files', {
          settings,
          needs: { exchange: DnsExchange },
          create: () => {
            throw new Error('it was created')
          },
        }),
    })
    const container = createContainer()
    const uses = [{ definition: described, config: undefined, source: 'plugins[0]' }]
    const { plugins, parts } = installPlugins(container, [ResolverSettings], uses, CONTEXT)
    expect(plugins[0]?.provides).to.deep.equal([{ point: 'upstream-resolvers', key: 'files' }])
    expect(parts).to.deep.equal([])
    const extension = container.get(ResolverSettings.token).get('files')
    expect(extension?.settings.safeParse({ path: 'hosts' })).to.deep.equal({ ok: true, settings: { path: 'hosts' } })
    expect(extension?.settings.safeParse({}).ok).to.equal(false)
  })

  it('installPlugins validates an absent configuration as an empty one', () => {
    let seen: unknown
    const definition = definePlugin({
      name: 'condition-configured',
      api: 1,
      config: z.strictObject({ list: z.array(z.string()).default(['a']) }),
      setup({ config }) {
        seen = config
      },
    })
    installPlugins(createContainer(), [], [{ definition, config: undefined, source: 'plugins[0]' }], CONTEXT)
    expect(seen).to.deep.equal({ list: ['a'] })
    expect(() => (seen as { list: string[] }).list.push('b')).to.throw(TypeError)
  })

  it('installPlugins names the known keys of a configuration with an unknown one', () => {
    const use = { definition: coin, config: { sites: 3 }, source: 'plugins[0]' }
    expect(() => installPlugins(createContainer(), [], [use], CONTEXT)).to.throw(
      OperatorError,
      /plugins\[0\]\.config \(condition-coin\) is not valid:\n {2}\(top\): .*"sites"\. Known here: sides/,
    )
  })

  it('X3 installPlugins refuses a malformed plugin that no compiler has checked, and says where it is wrong', () => {
    const holds = { evaluate: () => ({ holds: true, reason: 'x' }) }
    const create = () => holds
    const { jsonSchema: _, ...older } = Bias['~standard']
    const cases: [PluginDefinition, string, RegExp][] = [
      [declaring(Coin), 'PLUGIN_SETUP_FAILED', /no declaration/],
      [declaring(null), 'PLUGIN_SETUP_FAILED', /no declaration/],
      [declaring({}), 'PLUGIN_SETUP_FAILED', /create is no function/],
      [declaring({ create, keep: Bias }), 'PLUGIN_SETUP_FAILED', /has no member keep/],
      [declaring({ create, needs: { random: 'random' } }), 'PLUGIN_SETUP_FAILED', /needs\.random is no token/],
      [declaring({ create, facts: { address: 'remoteIp' } }), 'PLUGIN_SETUP_FAILED', /facts\.address is no token/],
      [declaring({ create: () => Promise.resolve(holds) }), 'PLUGIN_SETUP_FAILED', /creating it failed.*a promise/],
      [declaring({ create: () => undefined }), 'PLUGIN_METHODS', /has no method evaluate/],
      [declaring({ create: () => ({ evaluate: true }) }), 'PLUGIN_METHODS', /has no method evaluate/],
      [declaring({ create }, GatewaySelectors), 'PLUGIN_METHODS', /has no method select/],
      [
        declaring({ create: () => ({ begin: create, proceed: create, signOut: 'done' }) }, IdentityProviders),
        'PLUGIN_METHODS',
        /has no method signOut/,
      ],
      [declaring({ create, needs: { exchange: DnsExchange } }), 'PLUGIN_PORT', /the port portreeve\/dns-exchange/],
      [declaring({ create, facts: { rota: { name: 'oncall.duty' } } }), 'PLUGIN_FACT_UNKNOWN', /oncall\.duty/],
      [declaring({ create, facts: { load: Facts.gateway.clients } }), 'PLUGIN_FACT_UNKNOWN', /of a request/],
      [declaring({ create, settings: { '~standard': older } }), 'PLUGIN_SCHEMA', /Standard JSON Schema.*zod 4\.2/],
      [declaring({ create, settings: { parse: () => ({}) } }), 'PLUGIN_SCHEMA', /Standard Schema/],
      [declaring({ create, settings: z.strictObject({ at: z.date() }) }), 'PLUGIN_SCHEMA', /cannot be described/],
    ]
    for (const [definition, code, says] of cases) {
      expect(() => install(coin, definition), says.source)
        .to.throw(OperatorError, says)
        .with.property('code', code)
      expect(() => install(coin, definition)).to.throw(/^plugins\[1\]: condition-untyped provides "untyped" of /)
    }
  })

  it('X3 installPlugins takes words joined by dashes for a key, and nothing else', () => {
    const provided = (key: string) => {
      const create = () => ({ evaluate: () => undefined })
      return install(coin, declaring({ create }, PolicyConditions, key)).installation.plugins[1]?.provides
    }
    for (const key of ['a', 'email-otp', 'tls13', 'a'.repeat(63)]) {
      expect(provided(key)).to.deep.equal([{ point: 'policy-conditions', key }])
    }
    for (const key of ['', 'email_otp', 'Office', '-office', 'office-', 'of fice', '7days', 'a'.repeat(64)]) {
      expect(() => provided(key), key).to.throw(/is no key/)
    }
  })

  it('X3 installPlugins refuses an extension that is provided after the setup', () => {
    let later: (() => unknown) | undefined
    const late = definePlugin({
      name: 'condition-late',
      api: 1,
      setup({ provide }) {
        later = () =>
          provide(PolicyConditions, 'late', { create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }) })
      },
    })
    install(coin, late)
    expect(codeOf(() => later?.())).to.equal('PLUGIN_PROVIDE_LATE')
  })

  it('installPlugins takes a schema of any library that follows the standards, and none that answers with a promise', () => {
    const schemaOf = (validate: (value: unknown) => unknown) => ({
      '~standard': { version: 1, vendor: 'x', validate, jsonSchema: { input: () => ({ type: 'object' }) } },
    })
    const create = () => ({ evaluate: () => ({ holds: true, reason: 'x' }) })
    const settingsOf = (validate: (value: unknown) => unknown) =>
      install(coin, declaring({ create, settings: schemaOf(validate) }))
        .container.get(PolicyConditions.token)
        .get('untyped')?.settings
    const fits = settingsOf((value) => ({ value }))
    expect(fits?.safeParse({ a: 1 })).to.deep.equal({ ok: true, settings: { a: 1 } })
    expect(fits?.jsonSchema()).to.deep.equal({ type: 'object' })
    const odd = settingsOf(() => ({ issues: [{ message: 'is odd', path: [{ key: 'list' }, 0] }] }))
    expect(odd?.safeParse({})).to.deep.equal({ ok: false, problems: [{ path: 'list[0]', message: 'is odd' }] })
    for (const validate of [async () => Promise.resolve({ value: {} }), () => undefined]) {
      expect(settingsOf(validate)?.safeParse({})).to.include({ ok: false })
    }
  })
})
