import type { Command } from 'commander'
import type { AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'

/**
 * Prints the status of a gateway or relay, for people or by `--json`; the exit code says whether it is connected to the
 * portal.
 */
export const printStatus = <Status extends { state: string }>(
  status: Status,
  { command, context, describe }: { command: Command; context: CommandContext; describe: (status: Status) => string },
): void => {
  const { json } = command.optsWithGlobals<AskOptions>()
  if (json === true) context.output.json(status)
  else context.output.print(describe(status))
  context.exit(status.state === 'connected' ? ExitCode.done : ExitCode.unreachable)
}
