import type { MetricLabels, Metrics } from '../runtime/metrics.ts'
import { visibleCharacters } from './visible-characters.ts'

/** One value of a metric. */
export interface MetricSeries {
  /** Name of the metric: `portreeve_plugin_mails_sent_total`. */
  name: string
  type: 'counter' | 'gauge'
  labels: MetricLabels
  value: number
}

const MAX_SERIES_PER_PLUGIN = 1_000
const MAX_LABELS = 10
const MAX_LABEL_CHARACTERS = 100
const WORD = /^[a-z][a-z\d_]{0,62}$/

/**
 * Metrics of all plugins of a host. Each plugin is handed the result of `with({ plugin: NAME })`, which labels its
 * metrics.
 */
export class PluginMetrics implements Metrics {
  readonly #series: Map<string, MetricSeries>
  /** Number of series by plugin. */
  readonly #counts: Map<string, number>
  readonly #labels: MetricLabels

  constructor(of?: { series: Map<string, MetricSeries>; counts: Map<string, number>; labels: MetricLabels }) {
    this.#series = of?.series ?? new Map()
    this.#counts = of?.counts ?? new Map()
    this.#labels = of?.labels ?? {}
  }

  count(name: string, labels: MetricLabels = {}, by = 1): void {
    if (!(Number.isFinite(by) && by >= 0)) return
    const series = this.#find('counter', name, labels)
    if (series !== undefined) series.value += by
  }

  set(name: string, value: number, labels: MetricLabels = {}): void {
    if (!Number.isFinite(value)) return
    const series = this.#find('gauge', name, labels)
    if (series !== undefined) series.value = value
  }

  with(labels: MetricLabels): PluginMetrics {
    const series = this.#series
    const merged = { ...checkedLabels(labels), ...this.#labels }
    return new PluginMetrics({ series, counts: this.#counts, labels: merged })
  }

  /** Returns all series, sorted by the names of their metrics. */
  series(): readonly MetricSeries[] {
    return [...this.#series.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  #find(type: MetricSeries['type'], name: unknown, given: unknown): MetricSeries | undefined {
    // A gauge whose name ends like that of a counter could be mistaken for one.
    if (typeof name !== 'string' || !WORD.test(name) || name.endsWith('_total')) return undefined
    const own = checkedLabels(given)
    if (own === undefined) return undefined
    const labels = { ...own, ...this.#labels }
    const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
    const key = JSON.stringify([type, name, sorted])
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const plugin = labels['plugin'] ?? ''
    const count = this.#counts.get(plugin) ?? 0
    if (count >= MAX_SERIES_PER_PLUGIN) return undefined
    this.#counts.set(plugin, count + 1)
    const shown = `portreeve_plugin_${name}${type === 'counter' ? '_total' : ''}`
    const series: MetricSeries = { name: shown, type, labels: Object.freeze(Object.fromEntries(sorted)), value: 0 }
    this.#series.set(key, series)
    return series
  }
}

/** Copies labels; returns undefined if they are malformed. Getters of the plugin may throw. */
const checkedLabels = (labels: unknown): MetricLabels | undefined => {
  try {
    const entries = Object.entries(labels as object)
    if (entries.length > MAX_LABELS) return undefined
    if (!entries.every(([name, value]) => WORD.test(name) && typeof value === 'string')) return undefined
    return Object.fromEntries(
      (entries as [string, string][]).map(([name, value]) => [
        name,
        visibleCharacters(value).slice(0, MAX_LABEL_CHARACTERS),
      ]),
    )
  } catch {
    return undefined
  }
}
