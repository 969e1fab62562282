import { spawn, type ChildProcess } from 'node:child_process'

/** Result of a command, successful or not. `code` is null after a signal. */
export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

export interface CommandOptions {
  /** Written to standard input, which is then closed. */
  input?: string
  /** Time after which the command is killed; 60 s by default. */
  timeoutMs?: number
  env?: Readonly<Record<string, string | undefined>>
  cwd?: string
}

/** Maximum output kept of a command; the rest is dropped. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024
/** Folders of `ip` and similar commands, which PATH lacks after `su`. */
const SYSTEM_PATHS = '/usr/local/sbin:/usr/sbin:/sbin'

/** Variables of proxies, which the lab's machines do not reach. */
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()])

/**
 * Returns the environment of the lab's commands: that of this process with `SYSTEM_PATHS` in PATH and without proxies,
 * and `env`.
 */
export const commandEnvironment = (env: CommandOptions['env'] = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  ...Object.fromEntries(PROXIES.map((name) => [name, undefined])),
  PATH: `${process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'}:${SYSTEM_PATHS}`,
  ...env,
})

/** Runs a command without a shell and waits for its end. */
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
 * Runs a command as `runCommand`, and requires that it succeeds.
 * @throws Error with the command and its output, if its exit code is not 0
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
