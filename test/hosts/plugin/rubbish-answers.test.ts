import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import type { Tunnel, TunnelInput, TunnelOptions } from '../../../core/contract/tunnel-transport.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { PolicyConditions } from '../../../core/contract/extension-point.ts'
import { createContainer } from '../../../core/di.ts'
import { GuardedTunnel, type GuardedTunnelOutput } from '../../../core/ice/guarded-tunnel.ts'
import { askResolver, discoverServers } from '../../../core/plugin/ask-resolver.ts'
import type { PluginDefinition } from '../../../core/plugin/define-plugin.ts'
import { createdTunnel, generatedKeys } from '../../../core/plugin/generated-keys.ts'
import { installPlugins } from '../../../core/plugin/install-plugins.ts'
import { settingsSchema } from '../../../core/plugin/settings-schema.ts'
import { evaluateCondition } from '../../../core/policy/evaluate-condition.ts'
import { instant, unixTime } from '../../../core/runtime/time.ts'
import { chooseGateway } from '../../../hosts/portal/decide/selection.ts'
import { checkedStep } from '../../../hosts/portal/web/sign-in/checked-step.ts'
import { extension } from '../../kit/extensions.ts'
import { PackageFolder } from '../../kit/package-folder.ts'
import { handledRubbish, rubbish, spoiled } from '../../kit/rubbish.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { packageRoot } from '../../kit/source-tree.ts'
import { unhandledRejections } from '../../kit/unhandled-rejections.ts'

const CONTROLS = '\u001b[31mred\u0007\u202e\r\n'
// oxlint-disable-next-line no-control-regex -- these are what must not be there
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u202e]/

describe('X2 rubbish that a plugin answers ends nothing and rejects nowhere', () => {
  const harmless = async (work: () => unknown): Promise<void> => {
    expect(await unhandledRejections(work)).to.deep.equal([])
  }

  it('a condition that answers with rubbish denies, with a reason on one line', async () => {
    await harmless(() => {
      const right = { holds: true, reason: 'x', until: unixTime(9) }
      const known = new Set<unknown>([right.until, undefined])
      for (const answer of [...rubbish(), ...spoiled(right), { holds: false, reason: CONTROLS, told: CONTROLS }]) {
        const value = { evaluate: () => answer as never }
        const condition = {
          key: 'odd',
          judgedBy: 'odd 1',
          settings: {},
          stored: {},
          extension: extension('odd', value),
        }
        const verdict = evaluateCondition(condition, new Map(), unixTime(0))
        expect(verdict.reason).to.be.a('string').with.length.within(0, 600)
        expect(`${verdict.reason}${verdict.told ?? ''}`).not.to.match(CONTROL)
        if (verdict.holds) expect(known).to.include(verdict.until)
      }
    })
  })

  it('a selector that answers with rubbish is replaced by a random choice', async () => {
    await harmless(() => {
      const site = {
        id: 's',
        accountId: 'a',
        name: 'Main',
        createdAt: unixTime(0),
        updatedAt: unixTime(0),
        selector: 'odd',
        selectorSettings: {},
      }
      const candidate = { id: 'g1', name: 'g1', version: '0.1.0', clients: 0, facts: new Map() }
      for (const answer of [
        ...rubbish(),
        ...spoiled({ gatewayId: 'g1', reason: 'x' }),
        { gatewayId: 'g1', reason: CONTROLS },
      ]) {
        const selectors = new Map([['odd', extension('odd', { select: () => answer as never })]])
        const question = { site, connectedIds: [], clientId: 'c', resourceId: 'r', facts: new Map(), at: unixTime(0) }
        const choice = chooseGateway(
          { ...question, candidates: [candidate] },
          { selectors, random: new SeededRandom(1) },
        )
        expect(choice.gatewayId).to.equal('g1')
        expect(choice.reason).to.be.a('string').with.length.within(0, 600)
        expect(choice.reason).not.to.match(CONTROL)
      }
    })
  })

  it('a resolver that answers with rubbish, or finds rubbish, has failed', async () => {
    await harmless(async () => {
      const query = {
        settings: {},
        message: Uint8Array.of(1, 2),
        protocol: 'udp' as const,
        signal: new AbortController().signal,
      }
      const right = { type: 'failed', code: 'timeout', reason: 'x' }
      for (const answer of [...rubbish(), ...spoiled(right), { ...right, reason: CONTROLS }]) {
        const verdict = await askResolver({ resolve: () => answer as never }, query)
        expect(verdict.type).to.equal('failed')
        expect(verdict).to.have.property('reason').that.is.a('string').with.length.within(0, 600)
        expect('reason' in verdict ? verdict.reason : '').not.to.match(CONTROL)
      }
      for (const found of [...rubbish(), rubbish(), [`${'1'.repeat(5_000)}:53`]]) {
        expect(discoverServers({ discover: () => found as never } as never, {})).to.deep.equal([])
      }
    })
  })

  it('a provider that answers with rubbish has failed, and what it says is shown on one line', async () => {
    await harmless(async () => {
      const refusal = { code: 'no', publicText: CONTROLS, detail: CONTROLS, tryAgain: false }
      const prompt = { title: CONTROLS, text: CONTROLS, fields: [], submit: CONTROLS }
      const identity = { issuer: 'i', subject: 's', name: CONTROLS, emailVerified: true }
      for (const right of [
        { type: 'redirect', url: 'https://example.org/', keep: {} },
        { type: 'prompt', prompt, keep: {} },
        { type: 'identified', identity },
        { type: 'refused', refusal },
      ]) {
        expect(JSON.stringify(checkedStep(right))).not.to.match(/\\u001b|\\u0007|\\n/)
        for (const answer of spoiled(right)) {
          try {
            const step = checkedStep(answer)
            expect(step.type).to.equal(right.type)
          } catch (error) {
            expect(error).to.be.instanceOf(Error)
          }
        }
      }
      for (const answer of rubbish()) {
        if (!(answer instanceof Promise)) expect(() => checkedStep(answer)).to.throw(Error)
        else await answer.then(checkedStep).catch(() => undefined)
      }
    })
  })

  describe('a tunnel transport', () => {
    const WHOLE: Tunnel = {
      handle: () => undefined,
      wake: () => undefined,
      poll: () => undefined,
      deadline: () => undefined,
      counters: () => ({}),
      datagramBytes: (bytes) => bytes + 32,
    }
    const outputsOf = (given: readonly unknown[]): { tunnel: GuardedTunnel; outputs: GuardedTunnelOutput[] } => {
      const left = [...given]
      const tunnel = new GuardedTunnel({ ...WHOLE, poll: () => left.shift() as never })
      tunnel.handle({ type: 'peerRemoved', peer: 'a' }, instant(1))
      const outputs: GuardedTunnelOutput[] = []
      for (let output = tunnel.poll(); output !== undefined; output = tunnel.poll()) outputs.push(output)
      return { tunnel, outputs }
    }
    const PATH = '192.0.2.1:51820'
    const keys = { index: 1, remoteIndex: 2, sendKey: new Uint8Array(32), receiveKey: new Uint8Array(32), expiresAt: 9 }
    const RIGHT = [
      { type: 'sendDatagram', peer: 'a', path: PATH, datagram: Uint8Array.of(1) },
      { type: 'deliverPacket', peer: 'a', path: PATH, packet: Uint8Array.of(1) },
      { type: 'installKeys', peer: 'a', keys },
      { type: 'removeKeys', peer: 'a', index: 1 },
      { type: 'useKeys', peer: 'a', index: 1, path: PATH },
      { type: 'sealPacket', peer: 'a', packet: Uint8Array.of(1) },
    ]

    it('puts out only what fits its contract', async () => {
      await harmless(() => {
        expect(outputsOf(RIGHT).outputs).to.deep.equal(RIGHT)
        const optional = new Set(['useKeys index', 'useKeys path', 'sendDatagram peer'])
        const odd = RIGHT.flatMap((right) =>
          Object.keys(right).flatMap((member) =>
            rubbish()
              // A peer or an index that nobody knows is the host's to drop.
              .filter((value) => !(typeof value === 'string' && member === 'peer'))
              .filter((value) => !(value === undefined && optional.has(`${right.type} ${member}`)))
              .filter((value) => !(Object.is(value, -0) && member === 'index'))
              .map((value) => ({ ...right, [member]: value })),
          ),
        )
        const more = [
          { type: 'sendDatagram', path: 'nowhere', datagram: Uint8Array.of(1) },
          { type: 'deliverPacket', peer: 'a', path: PATH, packet: new Uint8Array(70_000) },
          ...[-1, 0.5, 2 ** 32].map((index) => ({ type: 'removeKeys', peer: 'a', index })),
          ...[Number.NaN, Infinity, '9'].map((expiresAt) => ({
            type: 'installKeys',
            peer: 'a',
            keys: { ...keys, expiresAt },
          })),
        ]
        // One at a time: after one that throws nothing is asked for until the next input.
        for (const output of [...rubbish().slice(1), ...odd, ...more]) {
          const got = outputsOf([output]).outputs.filter(({ type }) => type !== 'transportFaulted')
          expect(got, typeof output).to.deep.equal([])
        }
      })
    })

    it('cannot change keys that it has handed out, nor those that it was given', () => {
      const exported = { ...keys, sendKey: new Uint8Array(32).fill(1) }
      const { outputs } = outputsOf([{ type: 'installKeys', peer: 'a', keys: exported }])
      exported.sendKey.fill(9)
      expect(outputs[0]).to.have.nested.property('keys.sendKey').that.deep.equals(new Uint8Array(32).fill(1))

      const publicKey = new Uint8Array(32).fill(1)
      const wiping = (input: TunnelInput): void => {
        if (input.type === 'peerAdded') for (const key of [input.publicKey, input.presharedKey]) key?.fill(0)
      }
      const guarded = new GuardedTunnel({ ...WHOLE, handle: wiping })
      guarded.handle({ type: 'peerAdded', peer: 'a', publicKey, presharedKey: publicKey }, instant(1))
      expect(publicKey).to.deep.equal(new Uint8Array(32).fill(1))

      const random = new SeededRandom(1)
      const privateKey = new Uint8Array(32).fill(2)
      const rude = (options: TunnelOptions): Tunnel => {
        options.privateKey.fill(0)
        expect(() => Object.assign(options.random, { bytes: () => new Uint8Array(32) })).to.throw(TypeError)
        return WHOLE
      }
      createdTunnel({ createTunnel: rude }, { privateKey, random, unixAt: () => unixTime(0) })
      expect(privateKey).to.deep.equal(new Uint8Array(32).fill(2))
      expect(random.bytes(8)).to.deep.equal(new SeededRandom(1).bytes(8))
    })

    it('a transport whose counters, lengths and deadlines are rubbish does no harm by them', async () => {
      await harmless(() => {
        for (const answer of rubbish()) {
          const odd = { ...WHOLE, counters: () => answer as never, datagramBytes: () => answer as never }
          const tunnel = new GuardedTunnel({ ...odd, deadline: () => answer as never })
          tunnel.handle({ type: 'peerRemoved', peer: 'a' }, instant(1))
          expect(tunnel.datagramBytes(100)).to.equal(undefined)
          for (const [reason, count] of Object.entries(tunnel.counters())) {
            expect(reason).not.to.match(CONTROL)
            expect(count).to.satisfy(Number.isFinite)
          }
          const deadline = tunnel.deadline()
          if (deadline !== undefined) expect(deadline.at).to.be.a('number').and.not.to.satisfy(Number.isNaN)
        }
      })
    })

    it('a transport that makes rubbish for keys or a tunnel stops the host with a code', async () => {
      await harmless(() => {
        for (const made of [
          ...rubbish(),
          ...spoiled({ privateKey: new Uint8Array(32), publicKey: new Uint8Array(32) }),
        ]) {
          const generate = () => generatedKeys({ generateKeys: () => made as never }, new SeededRandom())
          if (typeof made === 'object' && made !== null && Object.hasOwn(made, 'more')) generate()
          else expect(generate).to.throw(OperatorError).with.property('code', 'PLUGIN_KEYS')
        }
        const options = { privateKey: new Uint8Array(32), random: new SeededRandom(), unixAt: () => unixTime(0) }
        for (const made of rubbish()) {
          const create = () => createdTunnel({ createTunnel: () => made as never }, options)
          expect(create).to.throw(OperatorError).with.property('code', 'PLUGIN_TUNNEL')
        }
      })
    })
  })

  it('a schema that answers with rubbish, or is described by rubbish, takes nothing', async () => {
    await harmless(() => {
      const described = (description: unknown, validate: () => unknown) =>
        settingsSchema(
          { '~standard': { version: 1, validate, jsonSchema: { input: () => description } } } as never,
          'x',
        )
      for (const answer of rubbish()) {
        const verdict = described({ type: 'object' }, () => answer).safeParse({})
        if (verdict.ok) expect(verdict.settings).to.equal(undefined)
        else expect(JSON.stringify(verdict.problems)).not.to.match(CONTROL)
      }
      const cyclic: Record<string, unknown> = {}
      cyclic['self'] = cyclic
      for (const description of [...rubbish(), cyclic, { minimum: 1n }, { title: 'x'.repeat(2_000_000) }]) {
        let known: unknown = {}
        try {
          known = described(description, () => ({ value: 1 })).jsonSchema()
        } catch (error) {
          expect(error).to.be.instanceOf(OperatorError).with.property('code', 'PLUGIN_SCHEMA')
        }
        expect(JSON.stringify(known)).to.be.a('string').with.length.below(2_000_000)
      }
      const many = Array.from({ length: 50_000 }, () => ({ message: CONTROLS.repeat(1_000) }))
      const verdict = described({ type: 'object' }, () => ({ issues: many })).safeParse({})
      expect(JSON.stringify(verdict).length).to.be.below(200_000)
    })
  })

  it('a declaration that is rubbish, or a key that is none, stops the host with a code', async () => {
    await harmless(() => {
      const declaring = (key: unknown, declaration: unknown): PluginDefinition => ({
        name: 'condition-odd',
        api: 1,
        setup: ({ provide }) => (provide as (...args: unknown[]) => undefined)(PolicyConditions, key, declaration),
      })
      const right = { create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }) }
      const install = (definition: PluginDefinition) => () =>
        installPlugins(
          createContainer(),
          [PolicyConditions],
          [{ definition, config: undefined, source: 'plugins[0]' }],
          {
            folder: '.',
            host: 'portal',
            hostVersion: '0',
          },
        )
      expect(install(declaring('odd', right))).not.to.throw()
      for (const key of [...handledRubbish(), '__proto__', 'Odd', 'a b', 'a/b']) {
        expect(install(declaring(key, right))).to.throw(OperatorError)
      }
      const created = rubbish().map((value) => ({ create: () => value }))
      const odd = spoiled({ ...right, settings: {} }, handledRubbish).filter(
        (each) => !('settings' in each && each.settings === undefined),
      )
      for (const declaration of [...handledRubbish(), ...odd, ...created]) {
        expect(install(declaring('odd', declaration)))
          .to.throw(OperatorError)
          .with.property('code')
          .that.matches(/^PLUGIN_/)
      }
    })
  })
})

describe('X2 what a plugin writes to standard output', () => {
  const NAME = 'portreeve-condition-talking'
  const folder = new PackageFolder()
  before(() => {
    folder.linkPeers()
    const module = join(folder.path, 'node_modules', NAME)
    mkdirSync(module)
    writeFileSync(join(module, 'package.json'), JSON.stringify({ name: NAME, type: 'module', exports: './index.js' }))
    writeFileSync(
      join(module, 'index.js'),
      `import { definePlugin, PolicyConditions } from 'portreeve'
       console.log('said on import')
       export const plugin = definePlugin({ name: 'condition-talking', api: 1, setup({ provide }) {
         console.info('said in setup')
         process.stdout.write('written\\n')
         provide(PolicyConditions, 'talking', { create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }) })
       } })`,
    )
    writeFileSync(folder.configFile, `database: { driver: sqlite, file: x.db }\nplugins:\n  - use: ${NAME}\n`)
  })
  after(() => folder.remove())

  it('goes to standard error: the result of a command stays JSON', async () => {
    const cli = join(packageRoot(), 'dist/hosts/cli/main.js')
    const check = [cli, 'plugin', 'check', '--host', 'portal', '--config', folder.configFile, '--json']
    const { stdout, stderr } = await promisify(execFile)(process.execPath, check, { timeout: 60_000 })
    expect((JSON.parse(stdout) as { plugins: { name: string }[] }).plugins[0]?.name).to.equal('condition-talking')
    for (const said of ['said on import', 'said in setup', 'written']) expect(stderr).to.include(said)
  })
})
