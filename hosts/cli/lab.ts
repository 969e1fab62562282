import { Command } from 'commander'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { untilSignal } from './until-signal.ts'

interface Options {
  once?: true
  json?: true
  keep?: true
}

/** Builds `portreeve lab`, which runs the whole system on this machine. */
export const labCommand = (context: CommandContext): Command =>
  new Command('lab')
    .description('Runs the whole system in network namespaces of this machine and walks through its story. Needs root.')
    .argument('[scenario]', 'what to walk through', 'story')
    .option('--once', 'end after the story instead of staying')
    .option('--json', 'print one JSON document {"ok","steps"} as the last line')
    .option('--keep', 'keep the run’s folder with configuration and logs')
    .action(async (scenario: string, options: Options) => {
      const { runLab } = await import('../lab/main.ts')
      const ok = await runLab({
        scenario,
        once: options.once === true,
        json: options.json === true,
        keepFiles: options.keep === true,
        output: context.output,
        ending: untilSignal(),
      })
      context.exit(ok ? ExitCode.done : ExitCode.failed)
    })
    .addHelpText(
      'after',
      `
Examples:
  $ portreeve lab                  stays until Ctrl-C and says how to play on
  $ portreeve lab --once --json    for scripts: exit 0 where every step held`,
    )
