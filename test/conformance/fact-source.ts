import type { FactSnapshot, FactSource } from '../../core/contract/fact-source.ts'
import type { Reads } from '../../core/contract/facts.ts'
import type { Schema } from '../../core/contract/schema.ts'
import { checkedOwnFact, checkedTable } from '../../core/plugin/checked-snapshot.ts'
import { settingsSchema } from '../../core/plugin/settings-schema.ts'
import { expect, fc } from './libraries.ts'
import { after, describe, it } from './runner.ts'
import { validate } from './settings-schema.ts'
import { within } from './within.ts'

type Made = FactSource | Promise<FactSource>

export interface FactSourceSuite {
  /** Makes a source whose origin answers and does not change by itself. */
  create: () => Made
  /** Fact that the source brings: the result of `fact(…)`. */
  fact?: Reads<unknown>
  /** Keys that the source has values for: e-mail addresses, for one by `Facts.actor.email`. None for a fact of a client's machine. */
  keys?: readonly string[]
  /** Values of the fact, of every kind that there is, beside those that the source answers with. */
  values?: readonly unknown[]
  /** Values that the schema of the fact must refuse. */
  refused?: readonly unknown[]
  /** Makes a source whose origin is not there, or answers with rubbish; left out for one that cannot fail. */
  unreachable?: () => Made
  /** Makes a source whose origin never answers; left out for one that waits for nobody. */
  silent?: () => Made
  /** Changes what the origin of the source made last says; for sources that have `watch`. */
  change?: () => Promise<void> | void
  /** Milliseconds that an answer may take; 10,000 by default, as hosts allow. */
  patienceMs?: number
}

/** Keys that no source knows, and that a careless one trips over. */
const ODD_KEYS = ['', '__proto__', 'constructor', 'nobody@example.org', '\u0000\n', 'x'.repeat(1_000)]

/** Tests that every fact source passes. */
export const factSourceSuite = (name: string, suite: FactSourceSuite): void => {
  const { fact, keys = [], values = [], refused = [], unreachable, silent, change, patienceMs = 10_000 } = suite
  describe(`fact source ${name}`, () => {
    if (fact === undefined) throw new Error('give the suite the fact that the source brings')
    const schema: Schema<unknown> = fact.schema
    const running: FactSource[] = []
    const begin = async (making: Made): Promise<FactSource> => {
      const source = await making
      running.push(source)
      await (source as Partial<{ start: () => Promise<void> | void }>).start?.()
      return source
    }
    after(async () => {
      for (const source of running.splice(0)) {
        await (source as Partial<{ stop: () => Promise<void> | void }>).stop?.()
      }
    })

    const inTime = <T>(work: Promise<T>, what: string): Promise<T> => within(patienceMs, work, what)
    const refresh = (
      source: FactSource,
      { asked = keys, signal = new AbortController().signal }: { asked?: readonly string[]; signal?: AbortSignal } = {},
    ): Promise<FactSnapshot> => source.refresh(Object.freeze({ keys: Object.freeze([...asked]), signal }))
    /** Snapshot as a host takes it over. @throws Error where the host would not */
    const checked = (answer: unknown) =>
      (fact.from === 'client' ? checkedOwnFact : checkedTable)(answer, settingsSchema(fact.schema, fact.name))

    it('a fact source answers in time, with a snapshot of its fact’s kind that the schema takes', async () => {
      const source = await begin(suite.create())
      checked(await inTime(refresh(source, { asked: [] }), 'an answer where nobody asked yet'))
      const answer = checked(await inTime(refresh(source), 'an answer'))
      for (const key of keys) {
        expect(Object.keys(answer.values ?? {}), 'the keys that it has values for').to.include(key)
      }
    })

    it('a fact source gives plain data, which JSON carries unchanged', async () => {
      const { values: table, otherwise, value } = await inTime(refresh(await begin(suite.create())), 'an answer')
      for (const each of [...Object.values(table ?? {}), otherwise, value]) {
        if (each !== undefined) expect(JSON.parse(JSON.stringify(each)) as unknown).to.deep.equal(each)
      }
    })

    it('a fact source says the same, to the letter, while its origin does', async () => {
      const source = await begin(suite.create())
      const [first, ...others] = [
        textsOf(checked(await inTime(refresh(source), 'an answer'))),
        textsOf(checked(await inTime(refresh(source), 'a second answer'))),
        textsOf(checked(await inTime(refresh(await begin(suite.create())), 'another instance’s answer'))),
      ]
      for (const other of others) expect(other).to.deep.equal(first)
    })

    it('a fact source does not trip over keys that nobody has', async () => {
      const source = await begin(suite.create())
      const asked = [...keys, ...ODD_KEYS, ...fc.sample(fc.string(), 10)]
      checked(await inTime(refresh(source, { asked }), 'an answer'))
    })

    it('a fact source rejects where its origin fails: an empty table would say that nobody has the fact', async () => {
      if (unreachable === undefined) return
      const source = await begin(unreachable())
      const answer = await inTime(outcomeOf(refresh(source)), 'a failure')
      expect(answer, 'a promise that rejects').to.have.property('error')
    })

    it('a fact source gives up as soon as its signal aborts', async () => {
      const source = await begin((silent ?? suite.create)())
      const controller = new AbortController()
      const answer = outcomeOf(refresh(source, { signal: controller.signal }))
      controller.abort(new Error('the host waits no longer'))
      const late = outcomeOf(refresh(source, { signal: AbortSignal.abort(new Error('it was over before')) }))
      for (const outcome of [
        await inTime(answer, 'an end after the abort'),
        await inTime(late, 'an end where the signal was aborted before'),
      ]) {
        // An origin that answers may have been quicker.
        if (silent !== undefined || 'error' in outcome) expect(outcome).to.have.property('error')
        else checked(outcome.answer)
      }
    })

    it('a fact source that watches ends its watch at once, and says nothing afterwards', async () => {
      const source = await begin(suite.create())
      if (source.watch === undefined) {
        expect(change, 'a source without watch is never told of a change').to.equal(undefined)
        return
      }
      let calls = 0
      let changed = (): void => undefined
      const end = source.watch(() => {
        calls++
        changed()
      })
      if (change !== undefined) {
        const told = new Promise<void>((resolve) => (changed = resolve))
        const before = textsOf(checked(await inTime(refresh(source), 'an answer')))
        await change()
        await inTime(told, 'word of the change')
        expect(textsOf(checked(await inTime(refresh(source), 'an answer')))).not.to.deep.equal(before)
      }
      end()
      end()
      const sofar = calls
      if (change !== undefined) {
        // Another watch hears of what the ended one must not.
        let endOther = (): void => undefined
        const told = new Promise<void>((resolve) => (endOther = source.watch?.(resolve) ?? endOther))
        await change()
        await inTime(told, 'word of a change to another watch')
        endOther()
      }
      expect(calls).to.equal(sofar)
    })

    it('the schema of a fact changes nothing: no transforms, no defaults', async () => {
      const { values: table, otherwise, value: own } = await inTime(refresh(await begin(suite.create())), 'an answer')
      const answered = [...Object.values(table ?? {}), otherwise, own].filter((each) => each !== undefined)
      for (const value of [...values, ...answered]) {
        for (const variant of [value, ...variantsOf(value)]) {
          const verdict = validate(schema, variant)
          if (verdict.issues === undefined) expect(verdict.value).to.deep.equal(variant)
          else expect(variant, 'a sample that it refuses').not.to.equal(value)
        }
      }
    })

    it('the schema of a fact refuses what is none, never throws, and is described as JSON Schema', () => {
      for (const value of [undefined, ...refused]) {
        expect(validate(schema, value).issues, JSON.stringify(value)).not.to.equal(undefined)
      }
      fc.assert(fc.property(fc.anything(), (value) => void validate(schema, value)))
      expect(schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' })).to.be.an('object')
    })
  })
}

const outcomeOf = async <T>(work: Promise<T>): Promise<{ answer: T } | { error: unknown }> =>
  work.then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  )

/** JSON of each value by its key. Hosts judge readers again where it differs. */
const textsOf = (snapshot: FactSnapshot): Record<string, string | undefined> => {
  const values = { ...snapshot.values, '(otherwise)': snapshot.otherwise, '(own)': snapshot.value }
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]))
}

/** Values that differ from a sample where transforms and defaults show: in the letters of a text, or by a missing member. */
const variantsOf = (value: unknown): unknown[] => {
  if (typeof value === 'string') return [` ${value} `, value.toUpperCase(), value.toLowerCase(), '']
  if (typeof value === 'number') return [value + 0.5, -value, String(value)]
  if (typeof value === 'boolean') return [String(value), Number(value)]
  if (Array.isArray(value)) {
    const items: unknown[] = value
    return [
      ...items.flatMap((item, at) => variantsOf(item).map((other) => items.with(at, other))),
      [...items, ...items],
    ]
  }
  if (typeof value !== 'object' || value === null) return []
  const members = Object.entries(value)
  return members.flatMap(([key, member]) => [
    Object.fromEntries(members.filter(([other]) => other !== key)),
    ...variantsOf(member).map((other) => ({ ...value, [key]: other })),
  ])
}
