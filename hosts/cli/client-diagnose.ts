import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { shownUrl } from '../../core/control/connect-request.ts'
import { OWN_SOCKET_MARK } from '../../core/runtime/network-configuration.ts'
import type { ClientConfig } from '../client/config.ts'
import type { NameInspection } from '../client/names/name-inspection.ts'
import type { ClientStatus, ResourceStatus } from '../client/session/client-status.ts'
import { ask, type AskOptions } from './ask.ts'
import { ping } from './client-ping.ts'
import { clientSchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { Diagnosis } from './diagnosis.ts'
import { fine, note, unknown, wrong, type Finding } from './finding.ts'
import { clientFindings } from './peer-findings.ts'
import { probedPortal } from './probed-portal.ts'
import { namesFinding, pingFinding } from './resource-findings.ts'
import { writeFindings } from './write-findings.ts'
import { configIfAny } from './read-config.ts'

interface Options extends AskOptions {
  bundle?: string
}

/** Builds `portreeve client diagnose`, which walks the way to a resource and says what is wrong with it. */
export const clientDiagnoseCommand = (context: CommandContext): Command =>
  new Command('diagnose')
    .description('Walks the way from this machine to a resource: says what is wrong, and what to do.')
    .argument('[target]', 'a name or an address that should be reached, with a TCP port or without')
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--bundle <file>', 'write what was found, without secrets, to a new file for whoever helps')
    .option('--json', 'print one JSON document')
    .action(async (target: string | undefined, options: Options) => {
      const diagnosis = new Diagnosis({ output: context.output, isShown: options.json !== true })
      const { env } = context
      const schema = await clientSchema()
      const config = await configIfAny({ schema, file: options.config, fallback: 'client.yaml', env })
      const status = await diagnose(diagnosis, { target, options, config, context })
      if (options.bundle !== undefined) {
        const stateFolder = config?.state_folder ?? schema.shape.state_folder.parse(undefined)
        await writeFindings(options.bundle, { findings: diagnosis.findings, status, config, stateFolder }, context)
      }
      if (options.json === true) context.output.json({ findings: diagnosis.findings })
      else context.output.print(`\n${diagnosis.summary}`)
      context.exit(diagnosis.code)
    })
    .addHelpText(
      'after',
      `
Looks at the portal's name, the way to it (proxy, TLS, certificate, clock), the running client, this machine, UDP, the resolver, the target, and each gateway in
use. Without a target it takes a resource of the client's. Access is asked for, as a packet to the target would.
Ends with 0 where nothing is wrong; else as the first fault says: 3 signed out, 4 not reached, 6 denied, 1 this machine or its clock.
A bundle is JSON, mode 0600: findings, status, versions, settings, addresses, routes and name servers of this machine. Names and addresses of resources are in it; tokens and keys are not.

Examples:
  $ portreeve client diagnose
  $ portreeve client diagnose gitlab.example.org:443 --bundle portreeve.json
  $ portreeve client diagnose --json | jq '.findings[] | select(.state == "wrong")'`,
    )

interface Case {
  target: string | undefined
  options: Options
  config: ClientConfig | undefined
  context: CommandContext
}

/** Walks the way, part by part, and returns the client's status; undefined if it does not run. */
const diagnose = async (
  diagnosis: Diagnosis,
  { target, options, config, context }: Case,
): Promise<ClientStatus | undefined> => {
  const query = (name: string, type: string) => ask('dns-query', options, context, { name, type })
  const status = () => ask('status', options, context) as Promise<ClientStatus>
  const first = await status().catch((error: unknown) => notRunning(error))
  const portal = first?.portal?.url ?? (config && shownUrl({ role: 'client', portalUrl: config.portal_url }))
  if (portal === undefined)
    diagnosis.add(unknown('portal', 'No portal is configured: name the configuration by --config.'))
  else {
    const mark = first === undefined ? undefined : OWN_SOCKET_MARK
    await diagnosis.look('portal', `trying ${portal}`, () =>
      probedPortal({ url: portal, caFile: config?.ca_file, mark }),
    )
  }
  if (first === undefined) {
    diagnosis.add(
      wrong(
        'client',
        'client_not_running',
        'The client does not run on this machine.',
        'Start it: portreeve client up',
      ),
    )
    return undefined
  }
  if (first.state === 'signed_out') {
    diagnosis.add(...clientFindings(first))
    return first
  }
  const { resources } = first
  await diagnosis.look('names', 'asking for a name', () => lookAtNames(resources, query))
  const wanted = target ?? anyTarget(resources)
  if (wanted === undefined)
    diagnosis.add(note('resource', 'There is no resource for this person, or none with one address.'))
  else
    await diagnosis.look('resource', `asking for access to ${wanted}`, async () => {
      const result = await ping(wanted, options, context)
      const finding = pingFinding(result)
      if (result.resource.state !== 'denied') return [finding]
      diagnosis.addDenial(finding)
      return []
    })
  const last = await status()
  diagnosis.add(...clientFindings(last))
  return last
}

const notRunning = (error: unknown): undefined => {
  if (error instanceof OperatorError && error.code === 'CLIENT_NOT_RUNNING') return undefined
  throw error
}

/** Compares who answers this machine's programs with the client, by the name of a resource. */
const lookAtNames = async (
  resources: readonly ResourceStatus[],
  query: (name: string, type: string) => Promise<unknown>,
): Promise<Finding[]> => {
  const { lookUpAll } = await import('../runtime/index.ts')
  const name = resources.flatMap(({ address }) => (address !== null && isName(address) ? address : []))[0]
  if (name === undefined) return [fine('names', 'No resource has a name of its own: there is nothing to look at.')]
  const inspections = (await Promise.all([query(name, 'A'), query(name, 'AAAA')])) as NameInspection[]
  const client = inspections.flatMap(({ answers }) =>
    answers.flatMap(({ type, data }) => (type === 'A' || type === 'AAAA' ? data : [])),
  )
  if (client.length === 0)
    return [note('names', `The client answers ${name} with ${inspections[0]?.code ?? 'nothing'}.`)]
  return [namesFinding(name, { system: await lookUpAll(name).catch(() => []), client })]
}

/** Whether a resource's address is one name, and not a pattern, a network or an address. */
const isName = (address: string): boolean => /^[a-z0-9_.-]*[a-z][a-z0-9_.-]*$/i.test(address) && !address.includes(':')

/** Chooses a resource to try: one that is in use, or else any that has a name or an address. */
const anyTarget = (resources: readonly ResourceStatus[]): string | undefined => {
  const order = ['connected', 'unreachable', 'connecting', 'requested', 'idle', 'denied'] as const
  const [first] = resources
    .filter(({ address }) => address !== null && !address.includes('*') && !address.includes('?'))
    .toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
  return first?.address?.replace(/\/\d+$/, '')
}
