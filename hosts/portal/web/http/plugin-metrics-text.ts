import type { MetricSeries } from '../../../../core/plugin/plugin-metrics.ts'

/** Writes plugins' metrics in Prometheus's text format; `series` are sorted by name. Empty if there are none. */
export const pluginMetricsText = (series: readonly MetricSeries[]): string => {
  let text = ''
  let last: string | undefined
  for (const { name, type, labels, value } of series) {
    if (name !== last)
      text += `\n# HELP ${name} Metric of a plugin, which its documentation explains\n# TYPE ${name} ${type}\n`
    last = name
    const pairs = Object.entries(labels).map(([label, of]) => `${label}="${escaped(of)}"`)
    text += `${name}{${pairs.join(',')}} ${value}\n`
  }
  return text
}

const escaped = (value: string): string => value.replace(/[\\"]/g, '\\$&')
