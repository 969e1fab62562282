import { token } from '../di.ts'

/**
 * Metrics of a plugin, with the plugin's name as the label `plugin`. A portal shows them at `/metrics`, a client and a
 * gateway in their status. Names and labels are lower case, words joined by underscores. What is malformed, and every series beyond 1,000 of one plugin, is left out; no call throws.
 */
export interface Metrics {
  /** Adds to a counter, by 1 unless `by` says otherwise. Shown as `portreeve_plugin_<name>_total`. */
  count: (name: string, labels?: MetricLabels, by?: number) => void
  /** Sets a gauge. Shown as `portreeve_plugin_<name>`. */
  set: (name: string, value: number, labels?: MetricLabels) => void
  /** Returns metrics that add these labels to each series; they cannot be replaced. */
  with: (labels: MetricLabels) => Metrics
}

/** Values of labels are constants of the code, never text from a peer. */
export type MetricLabels = Readonly<Record<string, string>>

export const Metrics = token<Metrics>('metrics')
