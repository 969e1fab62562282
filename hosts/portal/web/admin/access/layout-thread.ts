import type { ElkNode } from 'elkjs/lib/elk-api.js'
import { Worker } from 'node:worker_threads'

type Answer = { id: number; laid: ElkNode } | { id: number; problem: string }

interface Waiting {
  resolve: (laid: ElkNode) => void
  reject: (error: Error) => void
}

/** Time without a question after which the thread ends. */
const IDLE_MS = 60_000

/** Lays graphs out in a thread of its own, which starts with the first question and ends when nobody asks for a while. */
export class LayoutThread {
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #asked = 0

  async layout(root: ElkNode): Promise<ElkNode> {
    clearTimeout(this.#idle)
    const worker = (this.#worker ??= this.#start())
    worker.ref()
    const id = this.#asked++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
      worker.postMessage({ id, root })
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./layout-worker.js', import.meta.url), { name: 'portreeve-layout' })
    worker.on('message', (answer: Answer) => {
      const asked = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if ('laid' in answer) asked?.resolve(answer.laid)
      else asked?.reject(new Error(`the graph cannot be laid out: ${answer.problem}`))
      if (this.#waiting.size > 0) return
      // A thread that waits for questions keeps no process running.
      worker.unref()
      this.#idle = setTimeout(() => void worker.terminate(), IDLE_MS).unref()
    })
    worker.on('error', (error) => this.#ended(worker, error))
    worker.on('exit', () => this.#ended(worker, new Error('the thread that lays graphs out has ended')))
    return worker
  }

  #ended(worker: Worker, error: Error): void {
    if (this.#worker === worker) this.#worker = undefined
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
