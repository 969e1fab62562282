// Runs in a namespace, see ways-out.test.ts: connects to a portal twice by WebSocket, once by HTTP, and twice by HTTPS at
// addresses that are given besides, if any. Prints what it got and how long each took.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createHttpClient, createWebSockets } from '../../../hosts/runtime/index.ts'
import { OWN_SOCKET_MARK } from '../../../core/runtime/network-configuration.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'

const TIMEOUT_MS = 30_000
const [, , url = '', marked, ...addresses] = process.argv
const ca = readFileSync(join(packageRoot(), 'test/fixture/tls/localhost.crt'), 'utf8')
/** One client for all pinned requests, as the portal has; the server ends each connection after its answer. */
const pinning = createHttpClient({ ca })

const GET = { method: 'GET', headers: {}, timeoutMs: TIMEOUT_MS, maxBytes: 1_000 } as const

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
  const { body } = await createHttpClient().send({ ...GET, url: `http://${url}` })
  return Buffer.from(body).toString()
}

const getPinned = async (): Promise<string> => {
  const { body } = await pinning.send({ ...GET, url: 'https://localhost:8443', addresses })
  return Buffer.from(body).toString()
}

const results: { got: string; ms: number }[] = []
for (const attempt of [connect, connect, get, ...(addresses.length > 0 ? [getPinned, getPinned] : [])]) {
  const began = performance.now()
  const got = await attempt().catch((error: unknown) => String(error))
  results.push({ got, ms: Math.round(performance.now() - began) })
}
process.stdout.write(`${JSON.stringify(results)}\n`)
