import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Namespace } from '../../../hosts/lab/namespace.ts'

/** Program of `test/bench/child` on a machine, which is asked by lines and answers by lines. */
export class LineChild {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(machine: Namespace, name: string) {
    this.#name = name
    const program = fileURLToPath(new URL(`../child/${name}.js`, import.meta.url))
    const child = spawn('ip', ['netns', 'exec', machine.name, process.execPath, program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  tell(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`)
  }

  /** Returns the next line. */
  async next(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`${this.#name} ended`)
    return value
  }

  end(): void {
    this.#child.stdin?.end()
  }
}
