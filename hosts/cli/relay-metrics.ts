import { Command } from 'commander'
import { metricsText, type HelpedSeries } from '../../core/plugin/metrics-text.ts'
import type { MetricLabels } from '../../core/runtime/metrics.ts'
import type { RelayStatus } from '../relay/relay-status.ts'
import type { CommandContext } from './context.ts'
import { relayStatus } from './relay-status.ts'

/** Builds `portreeve relay metrics`, which prints the running relay's metrics for Prometheus. */
export const relayMetricsCommand = (context: CommandContext): Command =>
  new Command('metrics')
    .description('Prints the metrics of the running relay in Prometheus’s text format.')
    .option('-c, --config <file>', 'the relay’s configuration')
    .action(async (_, command: Command) => {
      const status = await relayStatus(command, context)
      context.output.print(metricsText(metricsOf(status)).trim())
    })
    .addHelpText(
      'after',
      `
Whether it is connected to the portal, clients, what it forwarded, and answers and drops by outcome.

Example:
  $ portreeve relay metrics --config relay.yaml > /var/lib/prometheus/node-exporter/portreeve.prom`,
    )

const metricsOf = ({ state, allocations, forwarded, outcomes }: RelayStatus): HelpedSeries[] => [
  series('gauge', 'connected', 'Whether the portal is reached', Number(state === 'connected')),
  series('gauge', 'allocations', 'Clients with an allocation', allocations),
  series('counter', 'forwarded_datagrams_total', 'Datagrams of data that were forwarded', forwarded.datagrams),
  series('counter', 'forwarded_bytes_total', 'Bytes of data that were forwarded', forwarded.bytes),
  ...Object.entries(outcomes).map(([outcome, count]) =>
    series('counter', 'outcomes_total', 'Answers by code, and dropped datagrams by reason', count, { outcome }),
  ),
]

const series = (
  type: HelpedSeries['type'],
  name: string,
  help: string,
  ...[value, labels = {}]: [number, MetricLabels?]
): HelpedSeries => ({ name: `portreeve_relay_${name}`, type, help, labels, value })
