// Runs in a namespace, see ways-out.test.ts: connects to a portal twice by WebSocket and once by HTTP, and prints what it
// got and how long each took.
import { performance } from 'node:perf_hooks'
import { createHttpClient, createWebSockets } from '../../../hosts/runtime/index.ts'
import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'

const TIMEOUT_MS = 30_000
const [, , url = '', marked] = process.argv

const connect = (): Promise<string> =>
  new Promise((resolve) => {
    const request = { url: `ws://${url}`, headers: {}, maxBytes: 1_000 }
    const connection = createWebSockets().connect(
      { ...request, ...(marked === 'marked' && { mark: OWN_SOCKET_MARK }) },
      {
        opened: () => {
          resolve('opened')
          connection.close()
        },
        refused: ({ status }) => resolve(`refused ${status}`),
        received: () => undefined,
        closed: ({ step, code, message }) => resolve(`${step} ${code ?? ''} ${message}`),
      },
    )
  })

const get = async (): Promise<string> => {
  const request = { method: 'GET', url: `http://${url}`, headers: {}, timeoutMs: TIMEOUT_MS, maxBytes: 1_000 }
  const { body } = await createHttpClient().send(request)
  return Buffer.from(body).toString()
}

const results: { got: string; ms: number }[] = []
for (const attempt of [connect, connect, get]) {
  const began = performance.now()
  const got = await attempt().catch((error: unknown) => String(error))
  results.push({ got, ms: Math.round(performance.now() - began) })
}
process.stdout.write(`${JSON.stringify(results)}\n`)
