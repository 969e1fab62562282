import { performance } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { FromThread, ThreadSetUp, ToThread } from './letters.ts'

export interface PluginThreadOptions {
  /** Module of the thread. */
  module: URL
  /** Data that the module needs: plain. */
  setUp: object
  onLetter: (letter: FromThread) => void
  /** Called once if the thread ends before `end` was called. */
  onEnd: (error: Error) => void
}

/** One run of a plugin's thread, from its start to its end. */
export class PluginThread {
  /** Ids of the settings that the thread has. */
  readonly settings = new Set<number>()
  /** When the thread was ready, on the clock of `performance`; undefined while it is not. */
  readyAt: number | undefined
  readonly #worker: Worker
  readonly #position = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  #isEnding = false
  #error: Error | undefined

  constructor({ module, setUp, onLetter, onEnd }: PluginThreadOptions) {
    this.setPosition(-1)
    const workerData: ThreadSetUp = { ...setUp, position: this.#position }
    const worker = new Worker(module, { workerData, stdout: true })
    this.#worker = worker
    // Standard output is for the results of commands.
    worker.stdout.on('data', (chunk: Buffer) => process.stderr.write(chunk))
    worker.stdout.on('error', () => undefined)
    worker.on('message', (letter: FromThread) => {
      if (this.#isEnding) return
      if (letter.type === 'ready') this.readyAt = performance.now()
      onLetter(letter)
    })
    worker.on('error', (error: unknown) => (this.#error ??= error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => {
      if (!this.#isEnding) onEnd(this.#error ?? new Error(`it ended its thread with the code ${code}`))
    })
  }

  get isReady(): boolean {
    return this.readyAt !== undefined
  }

  send(letter: ToThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
    this.#worker.postMessage(letter)
  }

  /** Index of the question that the thread is at; -1 if it is at none. */
  get position(): number {
    return Atomics.load(new Int32Array(this.#position), 0)
  }

  setPosition(at: number): void {
    Atomics.store(new Int32Array(this.#position), 0, at)
  }

  /** Ends the thread whatever it does; nothing is heard of it any more. */
  end(): void {
    this.#isEnding = true
    void this.#worker.terminate()
  }
}

/** Makes the error of a plugin that could not be started in its thread. */
export const refusal = ({ code, message, stack }: FromThread & { type: 'refused' }): OperatorError =>
  new OperatorError(code, message, undefined, stack === undefined ? {} : { cause: withStack(message, stack) })

/** Makes an error with the text and the stack of one in another thread. */
export const withStack = (text: string, stack: string): Error => Object.assign(new Error(text), { stack, name: '' })
