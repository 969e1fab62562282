import { expect } from 'chai'
import { describe, it } from 'mocha'
import { z } from 'zod'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { FactSources, GatewaySelectors, PolicyConditions } from '../../../core/contract/extension-point.ts'
import { fact, Facts, type Reads } from '../../../core/contract/facts.ts'
import { createContainer } from '../../../core/di.ts'
import { definePlugin, type HostKind, type PluginDefinition } from '../../../core/plugin/define-plugin.ts'
import { policyConditionSuite } from '../../conformance/policy-condition.ts'
import { Clock } from '../../../core/runtime/clock.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'
import { installPlugins } from '../../../core/plugin/install-plugins.ts'

policyConditionSuite('that reads a fact which a plugin brings', {
  create: () => ({ evaluate: ({ facts }) => ({ holds: facts.duty.value === 'tonight', reason: 'read' }) }),
  schema: z.strictObject({}),
  settings: [{}],
  refused: [{ rota: 'x' }],
  facts: { duty: fact('oncall.duty', z.string(), { by: Facts.actor.email }) },
  known: [{ duty: 'tonight' }, { duty: 'tomorrow' }],
})

const CONTEXT = { folder: '/', host: 'portal', hostVersion: '0.1.0' } as const
const Duty = fact('oncall.duty', z.string(), { by: Facts.actor.email })
const create = () => ({ refresh: () => Promise.resolve({ values: {} }) })

/** A plugin that declares anything at all as a fact source. */
const bringing = (declaration: unknown, name = 'facts-untyped'): PluginDefinition => ({
  name,
  api: 1,
  setup({ provide }) {
    provide(FactSources, name, declaration as never)
    return undefined
  },
})

const reading = (read: Reads<unknown, 'request'>): PluginDefinition => ({
  name: 'condition-reading',
  api: 1,
  setup({ provide }) {
    provide(PolicyConditions, 'reading', {
      facts: { read },
      create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }),
    })
    return undefined
  },
})

const install = (...definitions: PluginDefinition[]) => {
  const container = createContainer()
  const uses = definitions.map((definition, at) => ({ definition, config: undefined, source: `plugins[${at}]` }))
  installPlugins(container, [PolicyConditions, GatewaySelectors, FactSources], uses, CONTEXT)
  return container
}

describe('a plugin that brings a fact', () => {
  it('is installed with its intervals, and may be listed after a plugin that reads the fact', () => {
    const oncall = definePlugin({
      name: 'oncall',
      api: 1,
      setup({ provide }) {
        provide(FactSources, 'oncall', { fact: Duty, everyMs: 1_000, goodForMs: 3_000, create })
      },
    })
    const container = install(reading(Duty), oncall)
    expect(container.get(FactSources.token).get('oncall')?.brings).to.include({ everyMs: 1_000, goodForMs: 3_000 })
    expect(container.get(PolicyConditions.token).get('reading')?.facts['read']?.name).to.equal('oncall.duty')
  })

  it('X4 is created on the clients where it speaks of their machines, and needs no port elsewhere', () => {
    const Disk = fact('disk.root', z.boolean(), { from: 'client' })
    const needs = { clock: Clock }
    const own = bringing({ fact: Disk, everyMs: 1_000, goodForMs: 30_000, needs, create: () => create() })
    const duty = bringing({ fact: Duty, everyMs: 1_000, goodForMs: 3_000, needs, create: () => create() }, 'facts-duty')
    const installed = (host: HostKind, ...definitions: PluginDefinition[]) => {
      const container = createContainer()
      if (host === 'client') container.value(Clock, new VirtualClock())
      const uses = definitions.map((definition, at) => ({ definition, config: undefined, source: `plugins[${at}]` }))
      const points = host === 'gateway' ? [] : [FactSources]
      const { plugins } = installPlugins(container, points, uses, { ...CONTEXT, host })
      const sources = host === 'gateway' ? undefined : container.get(FactSources.token)
      return { sources, provides: plugins.map(({ provides }) => provides.length) }
    }
    const atPortal = installed('portal', own)
    expect(atPortal.sources?.get('facts-untyped')).to.deep.include({ value: undefined })
    expect(atPortal.sources?.get('facts-untyped')?.brings?.fact.name).to.equal('disk.root')
    const atClient = installed('client', own, duty)
    expect([...(atClient.sources?.keys() ?? [])]).to.deep.equal(['facts-untyped'])
    expect(atClient.sources?.get('facts-untyped')?.value.refresh).to.be.a('function')
    expect(installed('gateway', own, duty).provides).to.deep.equal([0, 0])
  })

  it('X3 is refused where its declaration, its name or its intervals are wrong, and says where', () => {
    const whole = { fact: Duty, everyMs: 1_000, goodForMs: 3_000, create }
    const named = (name: string) => ({ ...whole, fact: { ...Duty, name } })
    const byDuty = { ...whole, fact: { ...Duty, name: 'oncall.other', by: Duty } }
    const byLoad = { ...whole, fact: { ...Duty, by: Facts.gateway.name } }
    const own = { ...whole, goodForMs: 30_000, fact: fact('disk.root', z.boolean(), { from: 'client' }) }
    const cases: [PluginDefinition[], string, RegExp][] = [
      [[bringing({ ...own, goodForMs: 29_999 })], 'PLUGIN_SETUP_FAILED', /goodForMs is not at least 30000/],
      [[bringing({ ...own, goodForMs: 1e12 })], 'PLUGIN_SETUP_FAILED', /goodForMs is more than a year/],
      [[bringing({ ...own, fact: { ...own.fact, from: 'gateway' } })], 'PLUGIN_FACT_NAME', /said by no client/],
      [[bringing({ ...own, fact: { ...own.fact, by: Facts.actor.email } })], 'PLUGIN_FACT_NAME', /said by no client/],
      [[bringing({ ...own, fact: { ...own.fact, name: 'device.disk' } })], 'PLUGIN_FACT_NAME', /device\.disk/],
      [[bringing(own), reading({ ...own.fact, from: 'portal' })], 'PLUGIN_FACT_UNKNOWN', /disk\.root/],
      [[bringing({ ...whole, fact: undefined })], 'PLUGIN_SETUP_FAILED', /its fact is no token/],
      [[bringing({ ...whole, everyMs: 99 })], 'PLUGIN_SETUP_FAILED', /everyMs is not at least 100/],
      [[bringing({ ...whole, everyMs: NaN })], 'PLUGIN_SETUP_FAILED', /everyMs/],
      [[bringing({ ...whole, goodForMs: 999 })], 'PLUGIN_SETUP_FAILED', /goodForMs is not at least everyMs/],
      [[bringing({ ...whole, facts: {} })], 'PLUGIN_SETUP_FAILED', /has no member facts/],
      [[bringing({ ...whole, create: () => ({}) })], 'PLUGIN_METHODS', /has no method refresh/],
      [[bringing(named('actor.duty'))], 'PLUGIN_FACT_NAME', /cannot be named actor\.duty/],
      [[bringing(named('duty'))], 'PLUGIN_FACT_NAME', /cannot be named duty/],
      [[bringing(named('onCall.duty'))], 'PLUGIN_FACT_NAME', /cannot be named onCall\.duty/],
      [[bringing(named('oncall.duty.now'))], 'PLUGIN_FACT_NAME', /cannot be named oncall\.duty\.now/],
      [[bringing(named('oncall.on-duty'))], 'PLUGIN_FACT_NAME', /cannot be named oncall\.on-duty/],
      [[bringing(named('policy.duty'))], 'PLUGIN_FACT_NAME', /Hosts keep actor, .*policy/],
      [[bringing(byDuty)], 'PLUGIN_FACT_NAME', /looked up by no fact/],
      [[bringing(byLoad)], 'PLUGIN_FACT_NAME', /looked up by no fact/],
      [[bringing(whole), bringing(whole, 'facts-again')], 'PLUGIN_DUPLICATE_FACT', /oncall\.duty/],
      [[reading(Duty)], 'PLUGIN_FACT_UNKNOWN', /oncall\.duty, which is brought by no plugin/],
      [[bringing(whole), reading({ ...Duty, by: Facts.actor.id })], 'PLUGIN_FACT_UNKNOWN', /looked up by actor\.email/],
    ]
    const many = Array.from({ length: 65 }, (_, at) =>
      bringing({ ...own, fact: { ...own.fact, name: `disk.part_${at}` } }, `facts-${at}`),
    )
    cases.push([many, 'PLUGIN_FACT_NAME', /disk\.part_64, and clients say 64 facts at most/])
    for (const [definitions, code, says] of cases) {
      expect(() => install(...definitions), says.source)
        .to.throw(OperatorError, says)
        .with.property('code', code)
      expect(() => install(...definitions)).to.throw(/^plugins\[\d+\]: /)
    }
  })
})
