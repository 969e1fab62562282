import type { Extension, Extensions } from '../../../core/contract/extension-point.ts'
import type { Fact } from '../../../core/contract/facts.ts'
import type { FactTable, FactSource } from '../../../core/contract/fact-source.ts'
import { unixTime, type UnixTime } from '../../../core/runtime/time.ts'

interface Entry {
  value: unknown
  /** Value as JSON, to see whether it changes. */
  text: string
  since: UnixTime
}

interface Table {
  extension: Extension<FactSource>
  /** Keys that were asked for, the latest last. */
  asked: Set<string>
  entries: ReadonlyMap<string, Entry>
  otherwise: Entry | undefined
  /** Time from which all of it is unknown; undefined while there is no snapshot. */
  validUntil: UnixTime | undefined
}

/** Most keys of a fact that are remembered as asked for. */
const MAX_ASKED = 10_000

/** The facts that plugins bring: for each a table by the value of another fact, as of its last good snapshot. */
export class BroughtFacts {
  readonly #tables = new Map<string, Table>()
  readonly #wanted: (name: string) => void

  /** `wanted` is called when somebody asks for a key that a table does not know. */
  constructor(sources: Extensions<FactSource>, wanted: (name: string) => void = () => undefined) {
    this.#wanted = wanted
    for (const extension of sources.values()) {
      if (extension.brings?.fact.by === undefined) continue
      const table = {
        extension,
        asked: new Set<string>(),
        entries: new Map(),
        otherwise: undefined,
        validUntil: undefined,
      }
      this.#tables.set(extension.brings.fact.name, table)
    }
  }

  /** Finds a fact of a request; `known` gives the fact by whose value it is looked up. Undefined where it is unknown. */
  find(name: string, known: (name: string) => Fact<unknown> | undefined): Fact<unknown> | undefined {
    const table = this.#tables.get(name)
    const by = table?.extension.brings?.fact.by
    const key = by === undefined ? undefined : known(by.name)?.value
    if (table === undefined || typeof key !== 'string') return undefined
    const { extension, validUntil } = table
    const entry = validUntil === undefined ? undefined : (table.entries.get(key) ?? table.otherwise)
    this.#noteAsked(table, key, entry !== undefined)
    if (entry === undefined || validUntil === undefined) return undefined
    const source = `${extension.plugin} ${extension.version}`
    return Object.freeze({ value: entry.value, source, since: entry.since, validUntil })
  }

  /** Keys of a fact that were asked for. */
  askedKeys(name: string): readonly string[] {
    return [...(this.#tables.get(name)?.asked ?? [])]
  }

  /**
   * Replaces a table by a newer snapshot. Values that are as before keep their age. Returns the keys whose values
   * changed; `all` if those of keys that are in no table may have.
   */
  take(name: string, { values, otherwise }: FactTable, at: UnixTime): ReadonlySet<string> | 'all' {
    const table = this.#tables.get(name)
    const goodForMs = table?.extension.brings?.goodForMs
    if (table === undefined || goodForMs === undefined) return new Set()
    const { entries: before, otherwise: beforeOtherwise } = table
    const changed = new Set<string>()
    let isAll = table.validUntil === undefined
    const entries = new Map<string, Entry>()
    for (const [key, value] of Object.entries(values)) {
      const entry = entryAfter(before.get(key) ?? beforeOtherwise, value, at)
      if (entry !== before.get(key)) changed.add(key)
      entries.set(key, entry)
    }
    table.otherwise = otherwise === undefined ? undefined : entryAfter(beforeOtherwise, otherwise, at)
    if (table.otherwise !== beforeOtherwise) isAll = true
    for (const [key, gone] of before) {
      if (entries.has(key)) continue
      if (table.otherwise?.text !== gone.text) changed.add(key)
      // Somebody who falls back to `otherwise` has it since then, and not since when everybody else has.
      if (table.otherwise !== undefined && entries.size < MAX_ASKED) entries.set(key, entryAfter(gone, otherwise, at))
    }
    table.entries = entries
    table.validUntil = unixTime(at + goodForMs)
    return isAll ? 'all' : changed
  }

  /** Forgets a table that nothing has confirmed for too long. Returns whether there was one. */
  expire(name: string): boolean {
    const table = this.#tables.get(name)
    if (table?.validUntil === undefined) return false
    table.entries = new Map()
    table.otherwise = undefined
    table.validUntil = undefined
    return true
  }

  /** Name of the fact by whose value a brought fact is looked up; undefined for a fact that no plugin brings. */
  keyOf(name: string): string | undefined {
    return this.#tables.get(name)?.extension.brings?.fact.by?.name
  }

  /** Milliseconds for which a snapshot of a fact is believed; undefined for a fact that no plugin brings. */
  goodForMs(name: string): number | undefined {
    return this.#tables.get(name)?.extension.brings?.goodForMs
  }

  #noteAsked({ asked, extension }: Table, key: string, isKnown: boolean): void {
    if (asked.has(key)) return
    const [oldest] = asked
    if (asked.size >= MAX_ASKED && oldest !== undefined) asked.delete(oldest)
    asked.add(key)
    if (!isKnown && extension.brings !== undefined) this.#wanted(extension.brings.fact.name)
  }
}

/** Returns the entry as it was where the value is the same. */
const entryAfter = (before: Entry | undefined, value: unknown, at: UnixTime): Entry => {
  const text = JSON.stringify(value)
  return before?.text === text ? before : { value, text, since: at }
}
