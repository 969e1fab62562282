import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { commandEnvironment } from './command.ts'

export interface PartOptions {
  /** Name of the part in messages. */
  name: string
  /** Written to standard input, which is then closed. */
  input?: string
  env?: Readonly<Record<string, string | undefined>>
  cwd?: string
  /** Path of a file, mode 0600, to which all output is appended. */
  log?: string
}

export interface PartEnd {
  code: number | null
  signal: NodeJS.Signals | null
}

/** Maximum of output lines kept in memory. */
const KEPT_LINES = 500

/** Child process that runs until it is ended, with its output by lines. */
export class Part {
  readonly name: string
  readonly ended: Promise<PartEnd>
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #listeners = new Set<(line: string) => void>()
  #end: PartEnd | undefined

  constructor(command: string, args: readonly string[], { name, input, env, cwd, log }: PartOptions) {
    this.name = name
    // In a process group of its own, so that Ctrl-C at the terminal reaches only this process, which ends its parts in
    // order.
    const child = spawn(command, args, {
      env: commandEnvironment(env),
      cwd,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    const file = log === undefined ? undefined : createWriteStream(log, { flags: 'a', mode: 0o600 })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#take(line, file))
    }
    child.stdin.on('error', () => undefined) // the process may end without reading its input
    child.stdin.end(input ?? '')
    this.ended = new Promise((resolve) => {
      const finish = (end: PartEnd): void => {
        if (this.#end !== undefined) return
        this.#end = end
        file?.end()
        resolve(end)
      }
      child.once('error', (error) => {
        this.#take(String(error), file)
        finish({ code: null, signal: null })
      })
      child.once('close', (code, signal) => finish({ code, signal }))
    })
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.name} did not start`)
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#end === undefined
  }

  /** The last lines of output, of both streams. */
  get output(): string {
    return this.#lines.join('\n')
  }

  /**
   * Waits for a line of output; a line written before counts.
   * @throws Error with the output, at the deadline or when the process ends
   */
  async line(matches: (line: string) => boolean, { timeoutMs = 60_000 }: { timeoutMs?: number } = {}): Promise<string> {
    const known = this.#lines.find(matches)
    if (known !== undefined) return known
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#listeners.delete(listener)
        act()
      }
      const fail = (what: string): void => settle(() => reject(new Error(`${this.name} ${what}:\n${this.output}`)))
      const listener = (line: string): void => {
        if (matches(line)) settle(() => resolve(line))
      }
      const timer = setTimeout(() => fail(`did not get ready in ${timeoutMs} ms`), timeoutMs)
      this.#listeners.add(listener)
      void this.ended.then(({ code, signal }) => fail(`ended (${String(signal ?? code)})`))
    })
  }

  /** Sends a signal to the process alone, not to its children. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.isRunning) this.#child.kill(signal)
  }

  /** Sends SIGTERM, and SIGKILL if the process has not ended after `graceMs`. */
  async stop({ graceMs = 30_000 }: { graceMs?: number } = {}): Promise<PartEnd> {
    this.kill('SIGTERM')
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs)
    const end = await this.ended
    clearTimeout(timer)
    return end
  }

  #take(line: string, file: WriteStream | undefined): void {
    file?.write(`${line}\n`)
    this.#lines.push(line)
    if (this.#lines.length > KEPT_LINES) this.#lines.shift()
    for (const listener of this.#listeners) listener(line)
  }
}
