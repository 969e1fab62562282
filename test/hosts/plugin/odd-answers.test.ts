import { expect } from 'chai'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { z } from 'zod'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { GatewaySelector } from '../../../core/contract/gateway-selector.ts'
import type { PolicyCondition } from '../../../core/contract/policy-condition.ts'
import type { UpstreamResolver } from '../../../core/contract/upstream-resolver.ts'
import { Facts } from '../../../core/contract/facts.ts'
import { createContainer } from '../../../core/di.ts'
import { askResolver, discoverServers, upstreamName } from '../../../core/plugin/ask-resolver.ts'
import { extension } from '../../kit/extensions.ts'
import { isTunnelOutput } from '../../../core/ice/tunnel-output.ts'
import { definePlugin } from '../../../core/plugin/define-plugin.ts'
import { GatewaySelectors, PolicyConditions, type Extensions } from '../../../core/contract/extension-point.ts'
import { generatedKeys } from '../../../core/plugin/generated-keys.ts'
import { installPlugins } from '../../../core/plugin/install-plugins.ts'
import { PolicyIndex } from '../../../core/policy/policy-index.ts'
import { unixTime } from '../../../core/runtime/time.ts'
import { chooseGateway } from '../../../hosts/portal/decide/selection.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { PortalFixture } from '../../kit/portal-fixture.ts'
import { packageRoot } from '../../kit/source-tree.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { fact, knownFacts } from '../../kit/facts.ts'

const throwing = (error: unknown) => (): never => {
  throw error
}
/** A value that throws when it is converted to text. */
const TEXTLESS: unknown = Object.create(null)
const twoFaced = (name: string, first: unknown, then: unknown): object => {
  let reads = 0
  return { get [name]() { return reads++ === 0 ? first : then } } // prettier-ignore
}
// oxlint-disable-next-line unicorn/no-thenable -- that is the point
const THENABLE = { get then(): never { throw new Error('then') } } // prettier-ignore

/** Values that no contract permits. */
const ODD: unknown[] = [undefined, null, {}, [], 0, 1n, '', 'answered', true, Symbol('x'), () => undefined, THENABLE, Promise.reject(new Error('late')), new Proxy({}, { get: throwing(new Error('get')) })] // prettier-ignore
for (const each of ODD) if (each instanceof Promise) each.catch(() => undefined)

const CONTEXT = { folder: '.', host: 'portal', hostVersion: '0' } as const

const install = (value: { condition?: PolicyCondition; selector?: GatewaySelector }, settings: z.ZodType = z.any()) => {
  const container = createContainer()
  const odd = definePlugin({
    name: 'odd',
    api: 1,
    setup({ provide }) {
      const { condition, selector } = value
      if (condition !== undefined) provide(PolicyConditions, 'odd', { settings, facts: { address: Facts.client.address }, create: () => condition }) // prettier-ignore
      if (selector !== undefined) provide(GatewaySelectors, 'odd', { settings, create: () => selector })
    },
  })
  installPlugins(
    container,
    [PolicyConditions, GatewaySelectors],
    [{ definition: odd, config: undefined, source: 'plugins[0]' }],
    CONTEXT,
  )
  return { conditions: container.get(PolicyConditions.token), selectors: container.get(GatewaySelectors.token) }
}

describe('plugins that do and answer what they must not', () => {
  const candidates = () =>
    [1, 2, 3].map((n) => ({ id: `g${n}`, name: `g${n}`, facts: knownFacts({ 'gateway.clients': n }) })) as never as Parameters<typeof chooseGateway>[0]['candidates'] // prettier-ignore
  const choose = (
    selectors: Extensions<GatewaySelector>,
    given = candidates(),
    settings: object | null = { a: { b: 1 } },
  ) =>
    chooseGateway(
      { site: { id: 's', accountId: 'a', name: 'Main', createdAt: unixTime(0), updatedAt: unixTime(0), selector: 'odd', selectorSettings: settings }, candidates: given, connectedIds: [], clientId: 'c', resourceId: 'r', facts: knownFacts(), at: unixTime(0) }, // prettier-ignore
      { selectors, random: new SeededRandom(1) },
    )

  it('a selector that takes candidates away, adds some or changes them, does so to nobody else', () => {
    // oxlint-disable-next-line typescript/no-explicit-any -- what plugins in JavaScript do knows no types
    const deeds: ((question: any) => unknown)[] = [
      ({ candidates }) => candidates.pop(),
      ({ candidates }) => (candidates.length = 0),
      ({ candidates }) => candidates.splice(0, 3, { id: 'evil' }),
      ({ candidates }) => (candidates[0].id = 'evil'),
      ({ candidates }) => candidates.sort(() => -1),
      ({ settings }) => (settings.a.b = 2),
      ({ settings }) => delete settings.a,
    ]
    for (const deed of deeds) {
      for (const after of [{}, { gatewayId: 'g1', reason: 'x' }, { gatewayId: 'evil', reason: 'x' }]) {
        const given = candidates()
        const settings = { a: { b: 1 } }
        const { selectors } = install({ selector: { select: (question) => (deed(question), after) as never } })
        expect(['g1', 'g2', 'g3']).to.include(choose(selectors, given, settings).gatewayId)
        expect(given).to.deep.equal(candidates())
        expect(settings).to.deep.equal({ a: { b: 1 } })
      }
    }
  })

  it('a selector whose answer is none, or that throws, is replaced by a random choice', () => {
    const answers = [...ODD, { gatewayId: 'g1' }, { gatewayId: 'g1', reason: ['x'] }, { gatewayId: { id: 'g1' }, reason: 'x' }, twoFaced('gatewayId', 'g1', 'evil')] // prettier-ignore
    for (const answer of answers) {
      const { gatewayId, reason } = choose(install({ selector: { select: () => answer as never } }).selectors)
      expect(['g1', 'g2', 'g3']).to.include(gatewayId)
      expect(reason).to.be.a('string').that.contains('drawn at random')
    }
    for (const error of [...ODD, TEXTLESS]) {
      expect(choose(install({ selector: { select: throwing(error) } }).selectors).reason).to.contain('failed')
    }
  })

  const evaluate = (condition: PolicyCondition, settings?: z.ZodType) => {
    const policies = new PolicyIndex(install({ condition }, settings).conditions)
    const stored = { list: [{ deep: 1 }] }
    policies.put({ id: 'p', groupId: 'g', resourceId: 'r', description: null, conditions: [{ condition: 'odd', settings: stored }], isDisabled: false, mode: 'enforced' }) // prettier-ignore
    const facts = knownFacts({ 'client.address': '192.0.2.1' })
    const verdict = policies.evaluate({ groupIds: new Set(['g']), resourceId: 'r', facts, at: unixTime(0) })
    expect(facts).to.deep.equal(knownFacts({ 'client.address': '192.0.2.1' }))
    expect(stored).to.deep.equal({ list: [{ deep: 1 }] })
    return verdict
  }

  it('a condition whose answer is none, or that throws, denies', () => {
    const answers = [...ODD, { holds: 'yes' }, { holds: 1, reason: 'x' }, twoFaced('holds', false, true), { holds: true, reason: 'x', until: 'now' }] // prettier-ignore
    for (const answer of answers) expect(evaluate({ evaluate: () => answer as never }).allowed).to.equal(false)
    for (const error of [...ODD, TEXTLESS]) {
      const { allowed, explanation } = evaluate({ evaluate: throwing(error) })
      expect(allowed).to.equal(false)
      expect(explanation[0]?.conditions[0]?.reason).to.be.a('string')
    }
  })

  it('a condition, and its schema, change neither facts nor settings', () => {
    // oxlint-disable-next-line typescript/no-explicit-any -- what plugins in JavaScript do knows no types
    const change = ({ settings, facts }: any) => {
      for (const deed of [() => (settings.list[0].deep = 2), () => settings.list.pop(), () => (facts.address.value = 'evil'), () => delete facts.address]) expect(deed).to.throw(TypeError) // prettier-ignore
      return { holds: true, reason: 'nothing to change' }
    }
    const { allowed, explanation } = evaluate({ evaluate: change as never })
    expect(allowed, JSON.stringify(explanation)).to.equal(true)
    expect(explanation[0]?.conditions[0]?.facts).to.deep.equal({ 'client.address': fact('192.0.2.1') })
    const rude = z.any().refine((value) => ((value as { list: unknown[] }).list.pop(), true))
    expect(evaluate({ evaluate: () => ({ holds: true, reason: 'x' }) }, rude).allowed).to.equal(false)
  })

  const query = (signal = new AbortController().signal) => ({ settings: { address: '192.0.2.1' }, message: Uint8Array.of(1, 2), protocol: 'udp' as const, signal }) // prettier-ignore

  it('a resolver whose answer is none has failed, and the next is asked', async () => {
    const answers = [...ODD, { type: 'answered' }, { type: 'answered', message: 'text' }, { type: 'answered', message: [1, 2] }, { type: 'answered', message: new Uint8Array(70_000) }, { type: 'failed' }, { type: 'failed', code: 'constructor', reason: 'x' }, { type: 'failed', code: 'nobody knows' }, twoFaced('type', 'answered', 'failed')] // prettier-ignore
    for (const answer of answers) {
      const verdict = await askResolver({ resolve: () => answer as never }, query())
      expect(verdict.type).to.equal('failed')
      expect(verdict).to.have.property('code').that.is.oneOf(['malformed', 'unreachable'])
      expect(verdict).to.have.property('reason').that.is.a('string')
    }
    for (const error of [...ODD, TEXTLESS]) {
      expect((await askResolver({ resolve: throwing(error) }, query())).type).to.equal('failed')
      expect((await askResolver({ resolve: () => Promise.reject(error) }, query())).type).to.equal('failed')
    }
    expect((await askResolver({} as UpstreamResolver, query())).type).to.equal('failed')
  })

  it('a resolver that never answers is given up with its signal', async () => {
    const controller = new AbortController()
    const asked = askResolver({ resolve: () => new Promise(() => undefined) }, query(controller.signal))
    controller.abort()
    expect(await asked).to.include({ type: 'failed', code: 'aborted' })
  })

  it('a resolver changes neither the question nor, later, its answer', async () => {
    const given = query()
    const kept = Uint8Array.of(9, 9)
    const resolver: UpstreamResolver = {
      resolve: async ({ message, settings }) => {
        message.fill(0)
        expect(() => Object.assign(settings as object, { address: 'evil' })).to.throw(TypeError)
        return Promise.resolve({ type: 'answered', message: kept })
      },
    }
    const verdict = await askResolver(resolver, given)
    kept.fill(0)
    expect(given.message).to.deep.equal(Uint8Array.of(1, 2))
    expect(verdict).to.deep.equal({ type: 'answered', message: Uint8Array.of(9, 9) })
  })

  it('a resolver that finds servers that are none finds none', () => {
    for (const found of ODD) expect(discoverServers({ discover: () => found } as never, {})).to.deep.equal([])
    for (const error of [...ODD, TEXTLESS])
      expect(discoverServers({ discover: throwing(error) } as never, {})).to.deep.equal([])
    // Nothing awaits the rejected promise: it must not end the process.
    expect(discoverServers({ discover: async () => Promise.reject(new Error('late')) } as never, {})).to.deep.equal([])
    const mixed = [null, 'x', { endpoint: 1 }, '192.0.2.1:53', '192.0.2.1']
    expect(discoverServers({ discover: () => mixed } as never, {})).to.deep.equal(['192.0.2.1:53'])
  })

  it('a resolver that describes its upstream by what is no text is shown by its key', () => {
    const named = (describe: () => unknown) => upstreamName(extension('odd', { describe } as never), {})
    for (const text of ODD) if (text !== 'answered') expect(named(() => text)).to.equal('odd')
    for (const error of [...ODD, TEXTLESS]) expect(named(throwing(error))).to.equal('odd')
    expect(named(async () => Promise.reject(new Error('late')))).to.equal('odd')
    expect(named(() => 'a\u001b[2Jb\n')).to.equal('a [2Jb ')
  })

  it('a transport’s output that is none is told from one that is', () => {
    const bytes = Uint8Array.of(1)
    const key = new Uint8Array(32)
    const keys = { index: 1, remoteIndex: 2, sendKey: key, receiveKey: key, expiresAt: 1 }
    const good = [{ type: 'sendDatagram', path: 'p', datagram: bytes }, { type: 'deliverPacket', peer: 'a', path: 'p', packet: bytes }, { type: 'sessionEstablished', peer: 'a' }, { type: 'installKeys', peer: 'a', keys }, { type: 'useKeys', peer: 'a', index: undefined, path: undefined }, { type: 'removeKeys', peer: 'a', index: 3 }] // prettier-ignore
    for (const output of good) expect(isTunnelOutput(output), JSON.stringify(output)).to.equal(true)
    const bad = [undefined, null, {}, 'x', { type: 'toString', peer: 'a' }, { type: 'sessionEstablished' }, { type: 'sendDatagram', path: 1, datagram: bytes }, { type: 'deliverPacket', peer: 'a', path: 'p', packet: [1] }, { type: 'installKeys', peer: 'a', keys: { ...keys, sendKey: new Uint8Array(31) } }, { type: 'installKeys', peer: 'a' }] // prettier-ignore
    for (const output of bad) expect(isTunnelOutput(output), JSON.stringify(output)).to.equal(false)
    for (const made of [
      {},
      { privateKey: key },
      { privateKey: key, publicKey: bytes },
      { privateKey: 'x', publicKey: key },
    ]) {
      expect(() => generatedKeys({ generateKeys: () => made as never }, new SeededRandom())).to.throw(
        OperatorError,
        'keys',
      )
    }
  })

  it('a setup that is a promise, or throws what has no text, stops the host with a code', () => {
    for (const setup of [async () => Promise.reject(new Error('late')), throwing(TEXTLESS)]) {
      const definition = definePlugin({ name: 'odd', api: 1, setup: () => setup() as never })
      const install = () =>
        installPlugins(createContainer(), [], [{ definition, config: undefined, source: 'plugins[0]' }], CONTEXT)
      expect(install).to.throw(OperatorError).with.property('code', 'PLUGIN_SETUP_FAILED')
    }
  })

  describe('a plugin made with a zod before 4.2', function () {
    this.timeout(300_000)
    const NAME = 'portreeve-condition-keyed'
    const folder = new PackageFolder()
    before(() => {
      const modules = join(folder.path, 'node_modules')
      symlinkSync(packageRoot(), join(modules, 'portreeve'))
      // zod before 4.2 has no JSON Schema of its own.
      cpSync(join(packageRoot(), 'node_modules/zod'), join(modules, 'zod'), { recursive: true })
      for (const file of ['schemas.js', 'schemas.cjs']) {
        const path = join(modules, 'zod/v4/classic', file)
        writeFileSync(path, readFileSync(path, 'utf8').replaceAll('jsonSchema:', 'noJsonSchema:'))
      }
      const module = join(modules, NAME)
      mkdirSync(module)
      writeFileSync(
        join(module, 'package.json'),
        JSON.stringify({ name: NAME, version: '1.0.0', type: 'module', main: 'index.js' }),
      )
    })
    after(() => folder.remove())

    const start = async (imports: string, settings: string) => {
      const module = join(folder.path, 'node_modules', NAME, 'index.js')
      rmSync(module, { force: true })
      writeFileSync(
        module,
        `
        import { definePlugin, PolicyConditions } from 'portreeve'
        ${imports}
        export const plugin = definePlugin({ name: 'condition-keyed', api: 1, setup({ provide }) {
          provide(PolicyConditions, 'keyed', { settings: ${settings}, create: () => ({ evaluate: () => ({ holds: true, reason: 'it holds' }) }) })
        } })`,
      )
      const fixture = await PortalFixture.start({ configFile: folder.configFile, config: { plugins: [{ use: NAME }] } })
      await fixture.stop()
    }

    it('a plugin with a zod before 4.2 is refused at the start, rather than its secrets shown', async () => {
      const failure = await start(`import { z } from 'zod'`, `z.strictObject({ key: z.string().meta({ writeOnly: true }) })`).then(() => undefined, (error: unknown) => error) // prettier-ignore
      expect(failure).to.be.instanceOf(OperatorError).with.property('code', 'PLUGIN_SCHEMA')
      expect(String(failure)).to.contain('zod')
    })
  })
})
