import { spawn, type ChildProcess } from 'node:child_process'

/** What a command left: never a throw for a bad exit, so that a test can look at it. `code` is null after a signal. */
export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

export interface CommandOptions {
  /** Written to standard input, which is then closed. */
  input?: string
  /** The command is killed after it; 60 s by default. */
  timeoutMs?: number
  env?: Readonly<Record<string, string | undefined>>
  cwd?: string
}

/** A command's output beyond it is dropped. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024
/** `ip` and its like are not in the path of an account that became root by `su`. */
const SYSTEM_PATHS = '/usr/local/sbin:/usr/sbin:/sbin'

/** The environment that commands of the lab run in: this process's, with the system's folders in the path. */
export const commandEnvironment = (env: CommandOptions['env'] = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'}:${SYSTEM_PATHS}`,
  ...env,
})

/** Runs a command with an argument array, never through a shell, and waits for its end. */
export const runCommand = async (
  command: string,
  args: readonly string[],
  { input, timeoutMs = 60_000, env, cwd }: CommandOptions = {},
): Promise<CommandResult> => {
  const child = spawn(command, args, { env: commandEnvironment(env), cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  child.stdin.on('error', () => undefined) // the command may end without reading
  child.stdin.end(input ?? '')
  try {
    const code = await ended(child)
    return { code, stdout: stdout(), stderr: stderr() }
  } finally {
    clearTimeout(timer)
  }
}

/**
 * As `runCommand`, for a command that has to succeed.
 * @throws Error with the command and what it wrote, where it exits with anything but 0.
 */
export const mustRun = async (
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> => {
  const result = await runCommand(command, args, options)
  if (result.code === 0) return result
  const said = result.stderr.trim() === '' ? result.stdout.trim() : result.stderr.trim()
  throw new Error(`${command} ${args.join(' ')}: exit ${String(result.code)}: ${said}`)
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code))
  })

const collect = (stream: NodeJS.ReadableStream): (() => string) => {
  const chunks: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    if (size >= MAX_OUTPUT_BYTES) return
    size += chunk.length
    chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString('utf8')
}
