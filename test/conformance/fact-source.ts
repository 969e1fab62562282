import type { FactSource } from '../../core/contract/fact-source.ts'
import type { Reads } from '../../core/contract/facts.ts'
import { checkedOwnFact, checkedTable } from '../../core/plugin/checked-snapshot.ts'
import { settingsSchema } from '../../core/plugin/settings-schema.ts'
import { expect, fc } from './libraries.ts'
import { describe, it } from './runner.ts'

export interface FactSourceSuite {
  create: () => FactSource
  /** Fact that the source brings: the result of `fact(…)`. */
  fact?: Reads<unknown>
  /** Keys that the source has values for: e-mail addresses, for one by `Facts.actor.email`. None for a fact of a client's machine. */
  keys?: readonly string[]
  /** Creates a source that reaches nobody, if it reaches anybody. */
  unreachable?: () => FactSource
}

/** Tests that every fact source passes. */
export const factSourceSuite = (name: string, { create, fact, keys = [], unreachable }: FactSourceSuite): void => {
  describe(`fact source ${name}`, () => {
    const isOfClient = fact?.from === 'client'
    if (fact === undefined) throw new Error('give the suite the fact that the source brings')
    const schema = settingsSchema(fact.schema, fact.name)
    const checked = (answer: unknown) => (isOfClient ? checkedOwnFact(answer, schema) : checkedTable(answer, schema))
    const asked = (some: readonly string[]) => ({
      keys: Object.freeze([...some]),
      signal: new AbortController().signal,
    })

    it('a fact source answers with a snapshot whose values fit the schema of its fact', async () => {
      const snapshot = checked(await create().refresh(asked(keys)))
      for (const key of keys) {
        expect(Object.keys(snapshot.values ?? {}), 'the keys that it has values for').to.include(key)
      }
    })

    it('a fact source gives plain data, which JSON carries unchanged', async () => {
      const answer = await create().refresh(asked(keys))
      expect(JSON.parse(JSON.stringify(answer)) as unknown).to.deep.equal(answer)
    })

    it('a fact source answers again, and the same while nothing changes', async () => {
      const source = create()
      const first = checked(await source.refresh(asked(keys)))
      expect(checked(await source.refresh(asked(keys)))).to.deep.equal(first)
    })

    it('a fact source takes keys that nobody has a value for', async () => {
      const source = create()
      await fc.assert(
        fc.asyncProperty(fc.array(fc.string(), { maxLength: 4 }), async (others) => {
          checked(await source.refresh(asked([...keys, ...others])))
        }),
        { numRuns: 10 },
      )
    })

    it('a fact source ends its refresh when the signal aborts', async () => {
      const controller = new AbortController()
      const answer = create().refresh({ ...asked(keys), signal: controller.signal })
      controller.abort(new Error('given up'))
      await answer.then(checked, () => undefined)
      await create()
        .refresh({ ...asked(keys), signal: controller.signal })
        .then(checked, () => undefined)
    })

    it('a fact source that watches can be told to end that, more than once', () => {
      const end = create().watch?.(() => undefined)
      end?.()
      end?.()
    })

    it('a fact source that reaches nobody rejects: an empty table would say that it knows of nothing', async () => {
      if (unreachable === undefined) return
      const rejected = await unreachable()
        .refresh(asked(keys))
        .then(
          () => false,
          () => true,
        )
      expect(rejected).to.equal(true)
    })
  })
}
