import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Namespace } from '../../../hosts/lab/namespace.ts'

/** A program of `test/bench/child` on a machine of the lab, which reads and prints lines. */
export class LineChild {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #name: string

  constructor(machine: Namespace, name: string, ...args: string[]) {
    const program = fileURLToPath(new URL(`../child/${name}.js`, import.meta.url))
    this.#name = name
    this.#child = spawn('ip', ['netns', 'exec', machine.name, process.execPath, program, ...args], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.#child.stdin?.on('error', () => undefined) // it has ended: the reader of its next line is told
    const stdout = this.#child.stdout
    if (stdout === null) throw new Error('it has no output')
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  }

  tell(line: object): void {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`)
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`${this.#name} ended`)
    return value
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 2_000)
    this.#child.stdin?.end()
    await ended
    clearTimeout(timer)
  }
}
