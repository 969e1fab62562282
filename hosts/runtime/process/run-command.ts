import { execFile } from 'node:child_process'

/**
 * Error of a program that failed or does not exist. `code` is its exit status as `EXIT_2`, or a system error's name.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError'

  constructor(
    readonly code: string,
    message: string,
    readonly stderr: string,
    readonly stdout = '',
  ) {
    super(message)
  }
}

const TIMEOUT_MS = 30_000
const MAX_OUTPUT_BYTES = 16 << 20

/**
 * Runs a program without a shell and returns its standard output.
 * @throws CommandError with its standard error, if it fails, is missing or takes longer than 30 s
 */
export const runCommand = (program: string, args: readonly string[], input = ''): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = {
      timeout: TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
      env: { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    }
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout)
        return
      }
      const code = typeof error.code === 'number' ? `EXIT_${error.code}` : (error.code ?? 'KILLED')
      reject(new CommandError(code, `${program} ${args.join(' ')}: ${stderr.trim() || error.message}`, stderr, stdout))
    })
    // A program that ends without reading its input breaks the pipe; its exit status says why it ended.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
