import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import type { PolicyCondition } from '../../../../core/contract/policy-condition.ts'
import type { GatewaySelector } from '../../../../core/contract/gateway-selector.ts'
import type { Extension, Extensions } from '../../../../core/contract/extension-point.ts'
import { PolicyIndex } from '../../../../core/policy/policy-index.ts'
import { PluginLog } from '../../../../core/plugin/plugin-log.ts'
import { MINUTE, SECOND, unixTime } from '../../../../core/runtime/time.ts'
import { chooseGateway } from '../../../../hosts/portal/decide/selection.ts'
import { CALL_DEADLINE_MS, PluginCalls } from '../../../../hosts/portal/decide/plugin-calls.ts'
import { extension } from '../../../kit/extensions.ts'
import { PortalFixture } from '../../../kit/portal-fixture.ts'
import { RecordingLogger } from '../../../kit/recording-logger.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'
import { VirtualClock } from '../../../kit/virtual-clock.ts'
import { knownFacts } from '../../../kit/facts.ts'

const named = <T>(key: string, value: T): [string, Extension<T>] => [key, extension(key, value)]

describe('calls to plugins', () => {
  let clock: VirtualClock
  let calls: PluginCalls
  let logger: RecordingLogger
  /** Milliseconds that the plugin takes. */
  let takes: number
  let called: number

  const condition: PolicyCondition = {
    evaluate: () => {
      called++
      clock.advance(takes)
      return { holds: true, reason: 'always' }
    },
  }

  beforeEach(() => {
    clock = new VirtualClock()
    logger = new RecordingLogger()
    calls = new PluginCalls({ clock, log: new PluginLog({ logger, clock }) })
    takes = 0
    called = 0
  })

  const index = (conditions = calls.conditions(new Map([named('slow', condition)]))): PolicyIndex => {
    const policies = new PolicyIndex(conditions)
    policies.put({
      id: 'p',
      groupId: 'g',
      resourceId: 'r',
      description: null,
      conditions: [{ condition: 'slow', settings: {} }],
      isDisabled: false,
      mode: 'enforced',
    })
    return policies
  }
  const ask = (policies: PolicyIndex) =>
    policies.evaluate({ groupIds: new Set(['g']), resourceId: 'r', facts: knownFacts(), at: unixTime(0) })
  const choose = (selectors: Extensions<GatewaySelector>) => {
    const settings = { selector: 'slow', selectorSettings: {} }
    const site = { id: 's', accountId: 'a', name: 'Main', createdAt: unixTime(0), updatedAt: unixTime(0), ...settings }
    const candidate = { id: 'g1', name: 'g1', facts: knownFacts() }
    return chooseGateway(
      {
        site,
        candidates: [candidate],
        at: unixTime(0),
        connectedIds: [],
        clientId: 'c',
        resourceId: 'r',
        facts: knownFacts(),
      },
      { selectors, random: new SeededRandom(1) },
    )
  }
  const reason = (policies: PolicyIndex) => ask(policies).explanation[0]?.conditions[0]?.reason

  it('a condition that takes longer than its deadline denies, and says so', () => {
    const policies = index()
    takes = CALL_DEADLINE_MS
    expect(ask(policies).allowed).to.equal(true)
    takes = CALL_DEADLINE_MS + 1
    expect(reason(policies)).to.equal('it failed: Error: it took 251 ms, and 250 are allowed')
    expect(calls.figures()[0]).to.deep.include({ answered: 1, slow: 1, failed: 0, spared: 0, slowestSeconds: 0.251 })
  })

  it('a condition that is too slow again and again is not called for a while, denies meanwhile, and gets another chance', () => {
    const policies = index()
    takes = 2 * CALL_DEADLINE_MS
    for (let round = 0; round < 10; round++) expect(ask(policies).allowed).to.equal(false)
    expect(called).to.equal(3)
    expect(reason(policies)).to.match(/not called for a while/)
    takes = 0
    clock.advance(10 * SECOND)
    expect(ask(policies).allowed).to.equal(true)
  })

  it('a condition that throws denies and is counted, and is called again', () => {
    const broken: PolicyCondition = {
      evaluate: () => {
        throw new Error('out of order')
      },
    }
    const watched = calls.conditions(new Map([named('broken', broken)])).get('broken')
    for (let round = 0; round < 5; round++) {
      expect(() => watched?.value.evaluate({ settings: {}, facts: knownFacts(), at: unixTime(0) })).to.throw(
        'out of order',
      )
    }
    expect(calls.figures()[0]).to.deep.include({ answered: 0, failed: 5, spared: 0 })
  })

  it('calls to plugins that fail are logged with the plugin’s name and stack, once in ten minutes for each, however often', () => {
    const failing = (text: string) => () => {
      throw new Error(text)
    }
    let round = 0
    const condition = calls.conditions(new Map([named('broken', { evaluate: () => failing(`${round++}`)() })]))
    const selectors = calls.selectors(new Map([named('slow', { select: failing('none left') })]))
    const all = (): void => {
      for (let times = 0; times < 50; times++) {
        expect(() => condition.get('broken')?.value.evaluate({ settings: {}, facts: {}, at: unixTime(0) })).to.throw()
        choose(selectors)
      }
    }
    all()
    const warned = () => logger.lines.filter(({ level }) => level === 'warn')
    expect(
      warned().map(({ fields, message }) => [fields['plugin'], fields['call'], fields['reason'], message]),
    ).to.deep.equal([
      ['test-broken', 'broken.evaluate', 'Error: 0', 'a condition plugin failed: what it was asked about is denied'],
      ['test-slow', 'slow.select', 'Error: none left', 'a selector plugin failed: a gateway is drawn at random'],
    ])
    for (const { fields } of warned()) expect(fields['stack']).to.match(/Error: .*\n +at .*plugin-calls\.test/)
    clock.advance(10 * MINUTE)
    all()
    expect(warned()).to.have.length(4)
  })

  it('a selector that takes too long is replaced by a random choice', () => {
    const selector: GatewaySelector = {
      select: ({ candidates }) => {
        clock.advance(1_000)
        return { gatewayId: candidates[0].id, reason: 'the first' }
      },
    }
    const selectors = calls.selectors(new Map([named('slow', selector)]))
    const choice = choose(selectors)
    expect(choice.gatewayId).to.equal('g1')
    expect(choice.reason).to.match(/drawn at random: the selector "slow" failed: .*1000 ms/)
  })

  it('a plugin’s promise is no answer, also one that fails: the condition denies, and a gateway is drawn at random', async () => {
    const later = async (): Promise<never> => Promise.reject(new Error('a lookup failed'))
    const asynchronous = { evaluate: later } as unknown as PolicyCondition
    const selecting = { select: later } as unknown as GatewaySelector
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      for (const watched of [true, false]) {
        const given = new Map([named('slow', asynchronous)])
        const verdict = ask(index(watched ? calls.conditions(given) : given))
        expect(verdict.allowed).to.equal(false)
        expect(verdict.explanation[0]?.conditions[0]).to.include({
          holds: false,
          reason: 'it failed: Error: it answered with a promise',
        })
        const selectors = new Map([named('slow', selecting)])
        const choice = choose(watched ? calls.selectors(selectors) : selectors)
        expect(choice.gatewayId).to.equal('g1')
        expect(choice.reason).to.match(/drawn at random: .*it answered with a promise/)
      }
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).to.deep.equal([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })

  it('calls to plugins are in the portal’s metrics', async () => {
    const portal = await PortalFixture.start()
    try {
      const text = await (await fetch(`${portal.url}/metrics`)).text()
      expect(text).to.include(
        'portreeve_portal_plugin_calls_total{point="condition",key="time-window",outcome="slow"} 0',
      )
      expect(text).to.include('portreeve_portal_plugin_calls_total{point="selector",key="random",outcome="answered"} 0')
    } finally {
      await portal.stop()
    }
  })
})
