import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { shownUrl } from '../../core/control/connect-request.ts'
import type { GatewayConfig } from '../gateway/config.ts'
import type { GatewayStatus } from '../gateway/gateway-status.ts'
import type { AskOptions } from './ask.ts'
import { gatewaySchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { Diagnosis } from './diagnosis.ts'
import { unknown, wrong } from './finding.ts'
import { gatewayFindings } from './peer-findings.ts'
import { probedPortal } from './probed-portal.ts'
import { writeFindings } from './write-findings.ts'
import { gatewayStatus } from './gateway-status.ts'
import { configIfAny } from './read-config.ts'

/** Builds `portreeve gateway diagnose`, which says what keeps a gateway from serving clients. */
export const gatewayDiagnoseCommand = (context: CommandContext): Command =>
  new Command('diagnose')
    .description('Looks at the way to the portal, at the running gateway, and at the ways of clients to it.')
    .option('-c, --config <file>', 'the gateway’s configuration')
    .option('--bundle <file>', 'write what was found, without secrets, to a new file for whoever helps')
    .option('--json', 'print one JSON document')
    .action(async (_, command: Command) => {
      const { config: file, json, bundle } = command.optsWithGlobals<AskOptions & { bundle?: string }>()
      const diagnosis = new Diagnosis({ output: context.output, isShown: json !== true })
      const { env } = context
      const schema = await gatewaySchema()
      const config = await configIfAny({ schema, file, fallback: 'gateway.yaml', env })
      const status = await diagnose(diagnosis, { command, config, context })
      if (bundle !== undefined) {
        const stateFolder = config?.state_folder ?? schema.shape.state_folder.parse(undefined)
        await writeFindings(bundle, { findings: diagnosis.findings, status, config, stateFolder }, context)
      }
      if (json === true) context.output.json({ findings: diagnosis.findings })
      else context.output.print(`\n${diagnosis.summary}`)
      context.exit(diagnosis.code)
    })
    .addHelpText(
      'after',
      `
Looks at the portal's name, the way to it (proxy, TLS, certificate, clock), the running gateway, this machine, UDP, the addresses that clients are offered,
and clients that are not reached. Ends with 0 where nothing is wrong, 4 where the portal or the gateway is not reached, 1 where this machine or its clock is at fault.
A bundle is JSON, mode 0600: findings, status, versions, settings, addresses, routes and name servers of this machine; tokens and keys are not in it.

Examples:
  $ portreeve gateway diagnose --config gateway.yaml
  $ portreeve gateway diagnose --bundle portreeve.json`,
    )

const diagnose = async (
  diagnosis: Diagnosis,
  { command, config, context }: { command: Command; config: GatewayConfig | undefined; context: CommandContext },
): Promise<GatewayStatus | undefined> => {
  const status = await gatewayStatus(command, context).catch((error: unknown) => {
    if (error instanceof OperatorError && error.code === 'GATEWAY_NOT_RUNNING') return undefined
    throw error
  })
  const url = status?.portal.url ?? (config && shownUrl({ role: 'gateway', portalUrl: config.portal_url }))
  if (url === undefined)
    diagnosis.add(unknown('portal', 'No portal is configured: name the configuration by --config.'))
  else await diagnosis.look('portal', `trying ${url}`, () => probedPortal({ url, caFile: config?.ca_file }))
  const start = 'Start it: portreeve gateway --config gateway.yaml'
  if (status === undefined)
    diagnosis.add(wrong('gateway', 'gateway_not_running', 'The gateway does not run on this machine.', start))
  else diagnosis.add(...gatewayFindings(status))
  return status
}
