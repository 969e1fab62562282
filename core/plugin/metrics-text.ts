import type { MetricSeries } from './plugin-metrics.ts'

/** Value of a metric, with a help text for Prometheus; a plugin's metric has none. */
export interface HelpedSeries extends MetricSeries {
  help?: string
}

/** Writes metrics in Prometheus's text format; series of one metric stand together. Empty if there are none. */
export const metricsText = (series: readonly HelpedSeries[]): string => {
  let text = ''
  let last: string | undefined
  for (const { name, type, help, labels, value } of series) {
    if (name !== last)
      text += `\n# HELP ${name} ${help ?? 'Metric of a plugin, which its documentation explains'}\n# TYPE ${name} ${type}\n`
    last = name
    const pairs = Object.entries(labels).map(([label, of]) => `${label}="${escaped(of)}"`)
    text += pairs.length === 0 ? `${name} ${value}\n` : `${name}{${pairs.join(',')}} ${value}\n`
  }
  return text
}

const escaped = (value: string): string => value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')
