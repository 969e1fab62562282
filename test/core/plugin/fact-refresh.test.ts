import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { z } from 'zod'
import { fact, Facts } from '../../../core/contract/facts.ts'
import type { FactQuestion, FactSnapshot, FactSource, FactTable } from '../../../core/contract/fact-source.ts'
import { checkedTable } from '../../../core/plugin/checked-snapshot.ts'
import { settingsSchema } from '../../../core/plugin/settings-schema.ts'
import { MINUTE, SECOND } from '../../../core/runtime/time.ts'
import { FactRefresh } from '../../../core/plugin/fact-refresh.ts'
import { extension } from '../../kit/extensions.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const MoodOf = fact('mood.of', z.string(), { by: Facts.actor.email })

describe('the refreshes of a fact that a plugin brings', () => {
  let clock: VirtualClock
  let logger: RecordingLogger
  let learned: FactTable[]
  let questions: FactQuestion[]
  let keys: string[]

  beforeEach(() => {
    clock = new VirtualClock()
    logger = new RecordingLogger()
    learned = []
    questions = []
    keys = []
  })

  const refreshOf = (value: Partial<FactSource>): FactRefresh<FactTable> => {
    const refresh: FactSource['refresh'] = async (question) => {
      questions.push(question)
      return (value.refresh ?? (() => Promise.resolve({ values: { a: 'glad' } })))(question)
    }
    const brings = { fact: MoodOf, schema: settingsSchema(MoodOf.schema, 'mood'), everyMs: MINUTE, goodForMs: MINUTE }
    return new FactRefresh({
      sources: new Map([['mood', extension('mood', { ...value, refresh }, { brings })]]),
      clock,
      logger,
      keysOf: () => keys,
      check: checkedTable,
      learned: (_, snapshot) => {
        learned.push(snapshot)
      },
    })
  }
  /** Lets answers that are on their way arrive. */
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }

  it('come at the start, which waits for the first, and then in the declared interval, with the keys that were asked for', async () => {
    const refresh = refreshOf({})
    await refresh.start()
    expect(learned).to.deep.equal([{ values: { a: 'glad' } }])
    clock.advance(MINUTE - 1)
    expect(questions).to.have.length(1)
    keys = ['a', 'b']
    clock.advance(1)
    await settled()
    expect(questions.map((question) => question.keys)).to.deep.equal([[], ['a', 'b']])
    expect(learned).to.have.length(2)
    refresh.stop()
    clock.advance(10 * MINUTE)
    await settled()
    expect(questions).to.have.length(2)
  })

  it('come at once when the source says that it changed, and for a new key, but not more often than every 100 ms', async () => {
    let changed = (): void => undefined
    let isWatched = false
    const refresh = refreshOf({
      watch: (call) => {
        changed = call
        isWatched = true
        return () => (isWatched = false)
      },
    })
    await refresh.start()
    clock.advance(SECOND)
    changed()
    await settled()
    expect(questions).to.have.length(2)
    for (let time = 0; time < 5; time++) changed()
    refresh.refresh('mood.of')
    await settled()
    expect(questions).to.have.length(2)
    clock.advance(100)
    await settled()
    expect(questions).to.have.length(3)
    refresh.stop()
    expect(isWatched).to.equal(false)
  })

  it('are believed whole or not at all, and a row of failures is logged once', async () => {
    const answers: unknown[] = [
      { values: { a: 'glad', b: 7 } },
      { values: ['glad'] },
      { values: { a: 'glad' }, otherwise: 7 },
      undefined,
      Promise.reject(new Error('no rota today')),
    ]
    for (const answer of answers) {
      logger.lines.length = 0
      const refresh = refreshOf({ refresh: async () => answer as Promise<FactSnapshot> })
      await refresh.start()
      clock.advance(MINUTE)
      await settled()
      expect(learned).to.deep.equal([])
      const lines = logger.lines.filter(({ message }) => message === 'a fact source failed')
      expect(lines).to.have.length(1)
      expect(lines[0]?.fields).to.include({ plugin: 'test-mood', fact: 'mood.of' })
      refresh.stop()
    }
  })

  it('have 10 s: after that the source is told to stop, and what it answers later counts for nothing', async () => {
    let answer: ((snapshot: FactSnapshot) => void) | undefined
    const refresh = refreshOf({ refresh: async () => new Promise((resolve) => (answer = resolve)) })
    const started = refresh.start()
    await settled()
    clock.advance(10 * SECOND)
    await started
    expect(questions[0]?.signal.aborted).to.equal(true)
    answer?.({ values: { a: 'late' } })
    await settled()
    expect(learned).to.deep.equal([])
    refresh.stop()
  })
})
