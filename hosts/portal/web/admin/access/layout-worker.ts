// Thread that lays graphs out: the library computes for up to a second without a pause.
import Elk from 'elkjs/lib/elk.bundled.js'
import type { ElkNode } from 'elkjs/lib/elk-api.js'
import { parentPort } from 'node:worker_threads'

const engine = new Elk.default()

const answer = (message: { id: number; laid: ElkNode } | { id: number; problem: string }): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
  parentPort?.postMessage(message)
}

parentPort?.on('message', ({ id, root }: { id: number; root: ElkNode }) => {
  engine.layout(root).then(
    (laid) => answer({ id, laid }),
    (error: unknown) => answer({ id, problem: String(error) }),
  )
})
