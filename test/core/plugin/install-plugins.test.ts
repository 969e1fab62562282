import { expect } from 'chai'
import { describe, it } from 'mocha'
import { z } from 'zod'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { PolicyConditions, type PolicyCondition } from '../../../core/contract/policy-condition.ts'
import { GatewaySelectors } from '../../../core/contract/gateway-selector.ts'
import { createContainer, injected } from '../../../core/di.ts'
import { definePlugin, type PluginDefinition } from '../../../core/plugin/define-plugin.ts'
import { installPlugins } from '../../../core/plugin/install-plugins.ts'
import { Random } from '../../../core/runtime/random.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

class Coin implements PolicyCondition {
  readonly facts = []
  readonly started: string[] = []
  constructor(@injected(Random) readonly random: Random) {}
  evaluate() {
    return { holds: true as const, reason: String(this.random.bytes(1)[0]) }
  }
  start() {
    this.started.push('start')
  }
}

const coin = definePlugin({
  name: 'condition-coin',
  api: 1,
  config: z.strictObject({ sides: z.number().default(2) }),
  setup: ({ provide, config }) => {
    expect(config.sides).to.equal(2)
    provide(PolicyConditions, 'coin', Coin, { settings: z.strictObject({ bias: z.number().max(1) }) })
  },
})

const install = (...definitions: PluginDefinition[]) => {
  const container = createContainer()
  container.value(Random, new SeededRandom())
  const uses = definitions.map((definition, index) => ({
    definition,
    config: index === 0 ? {} : undefined,
    source: `plugins[${index}]`,
  }))
  const installation = installPlugins(container, [PolicyConditions], uses, '0.1.0')
  return { container, installation }
}

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
  it("builds what a plugin provides from the host's ports and registers one map per extension point", () => {
    const { container, installation } = install(coin)
    const conditions = container.get(PolicyConditions.token)
    expect([...conditions.keys()]).to.deep.equal(['coin'])
    expect(conditions.get('coin')?.value).to.be.instanceOf(Coin)
    expect(conditions.get('coin')).to.include({ plugin: 'condition-coin', version: '0.1.0' })
    expect(installation.parts).to.have.length(1)
  })

  it('starts nothing', () => {
    const { installation } = install(coin)
    expect((installation.parts[0] as Coin).started).to.deep.equal([])
  })

  it('validates and describes the settings of what is provided', () => {
    const settings = install(coin).container.get(PolicyConditions.token).get('coin')?.settings
    expect(settings?.safeParse({ bias: 0.5 })).to.deep.equal({ ok: true, settings: { bias: 0.5 } })
    expect(settings?.safeParse({ bias: 2 })).to.deep.include({ ok: false })
    expect(settings?.safeParse({ bias: 0.5, more: 1 })).to.deep.include({ ok: false })
    expect(settings?.jsonSchema()).to.have.nested.property('properties.bias')
  })

  it('refuses a plugin for another API version, the same plugin twice and the same key twice', () => {
    const other = { ...coin, api: 2 }
    const again = {
      ...coin,
      name: 'condition-coin-2',
      config: z.undefined(),
      setup: () => undefined,
    }
    const sameKey = definePlugin({
      name: 'condition-other',
      api: 1,
      setup: ({ provide }) => provide(PolicyConditions, 'coin', Coin),
    })
    expect(codeOf(() => install(other))).to.equal('PLUGIN_API_MISMATCH')
    expect(codeOf(() => install(coin, coin))).to.equal('PLUGIN_DUPLICATE')
    expect(codeOf(() => install(coin, sameKey))).to.equal('PLUGIN_DUPLICATE_KEY')
    expect(codeOf(() => install(coin, again))).to.equal('none')
  })

  it('refuses configuration that the schema does not know, and any at all where there is no schema', () => {
    const container = createContainer()
    container.value(Random, new SeededRandom())
    const plain = definePlugin({ name: 'condition-plain', api: 1, setup: () => undefined })
    const use = (definition: PluginDefinition, config: unknown) => () =>
      installPlugins(container, [], [{ definition, config, source: 'plugins[0]' }], '0.1.0')
    expect(codeOf(use(coin, { sides: 2, edges: 3 }))).to.equal('CONFIG_INVALID')
    expect(codeOf(use(plain, {}))).to.equal('CONFIG_INVALID')
    expect(codeOf(use(plain, undefined))).to.equal('none')
  })

  it('leaves out what this kind of host has no use for', () => {
    const many = definePlugin({
      name: 'selector-none',
      api: 1,
      setup: ({ provide }) => provide(GatewaySelectors, 'none', Coin as never),
    })
    expect(install(coin, many).installation.plugins[1]?.provides).to.deep.equal([])
  })
})
