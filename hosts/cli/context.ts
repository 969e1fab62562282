import type { ExitCode } from './exit-code.ts'
import type { Output } from './output.ts'

/** Environment of a command: variables, output, input and exit code. */
export interface CommandContext {
  env: NodeJS.ProcessEnv
  output: Output
  /** Reads one line, such as a token, without echo; from standard input by default. */
  readHidden?: () => Promise<string>
  /** Asks a person for a line; on the terminal by default. */
  ask?: (question: string) => Promise<string>
  /** Asks a person to confirm something; on the terminal by default. */
  confirm?: (question: string) => Promise<boolean>
  /** Sets the exit code of the process; 0 by default. */
  exit: (code: ExitCode) => void
}
