import type { ExitCode } from './exit-code.ts'
import type { Output } from './output.ts'

/** What a command has of the world. */
export interface CommandContext {
  env: NodeJS.ProcessEnv
  output: Output
  /** Reads one line that is not to be seen, a pasted token; from standard input by default. */
  readHidden?: () => Promise<string>
  /** What the process ends with; 0 where nobody says. */
  exit: (code: ExitCode) => void
}
