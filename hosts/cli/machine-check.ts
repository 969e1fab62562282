import { Command } from 'commander'
import { hostProblemText, type HostProblem } from '../../core/runtime/host-problems.ts'
import type { MachineQuestion } from '../runtime/index.ts'
import type { AskOptions } from './ask.ts'
import { clientSchema, gatewaySchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { readConfig } from './read-config.ts'

/** Builds `portreeve client check` or `portreeve gateway check`, which tell what is in the way on this machine. */
export const machineCheckCommand = (role: 'client' | 'gateway', context: CommandContext): Command =>
  new Command('check')
    .description('Tells before a start what will be in the way on this machine, and what to do. Changes nothing.')
    .option('-c, --config <file>', `the ${role}’s configuration`)
    .option('--json', 'print one JSON document')
    .action(async (_, command: Command) => {
      // The parent command of a gateway has a --config as well, and commander assigns it the option.
      const { config: file, json } = command.optsWithGlobals<AskOptions>()
      const { checkMachine, needNetAdmin } = await import('../runtime/index.ts')
      needNetAdmin()
      const problems = await checkMachine(await questionOf(role, { file, env: context.env }))
      if (json === true) context.output.json({ problems })
      else context.output.print(describe(role, problems))
      context.exit(problems.some(({ blocks }) => blocks) ? ExitCode.failed : ExitCode.done)
    })
    .addHelpText(
      'after',
      `
Needs root, or CAP_NET_ADMIN. Ends with 0 where packets and names would pass, 1 where a problem would keep them from it. A client or gateway that
runs shows its problems in its status.

Example:
  $ portreeve ${role} check`,
    )

const questionOf = async (
  role: 'client' | 'gateway',
  { file, env }: { file: string | undefined; env: NodeJS.ProcessEnv },
): Promise<MachineQuestion> => {
  if (role === 'gateway') {
    const schema = await gatewaySchema()
    if (file === undefined) return { role, device: schema.shape.device.parse(undefined) }
    const { config } = await readConfig({ schema, file, fallback: 'gateway.yaml', env })
    return { role, device: config.device }
  }
  const schema = await clientSchema()
  const { device, dns } = schema.shape
  if (file === undefined) return { role, device: device.parse(undefined), dns: dns.parse(undefined) }
  const { config } = await readConfig({ schema, file, fallback: 'client.yaml', env })
  return { role, device: config.device, dns: config.dns }
}

const describe = (role: string, problems: readonly HostProblem[]): string =>
  problems.length === 0
    ? `Nothing on this machine is in the way of a ${role}.`
    : problems.map((problem) => hostProblemText(problem)).join('\n')
