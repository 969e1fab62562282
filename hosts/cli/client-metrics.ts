import { Command } from 'commander'
import { metricsText } from '../../core/plugin/metrics-text.ts'
import type { ClientStatus } from '../client/session/client-status.ts'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'
import { clientMetrics } from './peer-metrics.ts'

/** Builds `portreeve client metrics`, which prints the running client's metrics for Prometheus. */
export const clientMetricsCommand = (context: CommandContext): Command =>
  new Command('metrics')
    .description('Prints the metrics of the running client in Prometheus’s text format.')
    .option('-c, --config <file>', 'the client’s configuration')
    .action(async (options: AskOptions) => {
      const status = (await ask('status', options, context)) as ClientStatus
      context.output.print(metricsText(clientMetrics(status)).trim())
    })
    .addHelpText(
      'after',
      `
Whether everything that was asked for is reached, resources by state, paths by kind, and of each gateway round trip, loss and bytes; problems of this
machine, drops by reason, and metrics of plugins.

Example:
  $ portreeve client metrics > /var/lib/node_exporter/portreeve.prom`,
    )
