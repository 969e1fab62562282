import { Command } from 'commander'
import { metricsText } from '../../core/plugin/metrics-text.ts'
import type { CommandContext } from './context.ts'
import { gatewayStatus } from './gateway-status.ts'
import { gatewayMetrics } from './peer-metrics.ts'

/** Builds `portreeve gateway metrics`, which prints the running gateway's metrics for Prometheus. */
export const gatewayMetricsCommand = (context: CommandContext): Command =>
  new Command('metrics')
    .description('Prints the metrics of the running gateway in Prometheus’s text format.')
    .option('-c, --config <file>', 'the gateway’s configuration')
    .action(async (_, command: Command) => {
      const status = await gatewayStatus(command, context)
      context.output.print(metricsText(gatewayMetrics(status)).trim())
    })
    .addHelpText(
      'after',
      `
Whether it is connected and can forward, clients, paths by kind, round trip, loss and bytes of the hundred clients with the most traffic (label
\`client\`: the id that the portal's API has); problems of this machine, drops by reason, and metrics of plugins.

Example:
  $ portreeve gateway metrics > /var/lib/node_exporter/portreeve.prom`,
    )
