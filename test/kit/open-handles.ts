// `npm test` loads this before the tests (--require). On SIGUSR2, which it sends to a mocha that does not end after its
// result, the process writes to standard error what keeps it running: handles, workers, processes.
import { readFileSync, writeSync } from 'node:fs'

interface Handle {
  type: string
  is_active: boolean
  is_referenced: boolean
  [field: string]: unknown
}

interface Report {
  libuv: readonly Handle[]
  workers: readonly { header: { threadId: number }; libuv: readonly Handle[] }[]
}

/** Fields of a handle that say which one it is. */
const SHOWN = ['fd', 'pid', 'filename', 'firesInMsFromNow', 'localEndpoint', 'remoteEndpoint'] as const

const commandOf = (pid: unknown): string => {
  try {
    return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8')
      .replaceAll('\0', ' ')
      .trim()
  } catch {
    return 'has ended'
  }
}

const shownHandle = (handle: Handle): string => {
  const fields = SHOWN.filter((name) => handle[name] !== undefined && handle[name] !== null)
  const shown = fields.map((name) => `${name} ${JSON.stringify(handle[name])}`)
  if (handle.type === 'process') shown.push(commandOf(handle['pid']))
  return [handle.type, ...shown].join(' ')
}

/** Whether a handle alone keeps the process running. */
const keepsRunning = ({ is_active, is_referenced }: Handle): boolean => is_active && is_referenced

/** Describes what keeps this process running, a line each. */
export const openHandles = (): string[] => {
  if (process.report === undefined) return []
  // Otherwise the endpoints' names are looked up.
  Object.assign(process.report, { excludeNetwork: true })
  const { libuv = [], workers = [] }: Partial<Report> = process.report.getReport()
  return [
    `resources: ${process.getActiveResourcesInfo().join(' ')}`,
    ...libuv.filter(keepsRunning).map(shownHandle),
    ...workers.flatMap(({ header, libuv: ofWorker }) =>
      ofWorker.filter(keepsRunning).map((handle) => `worker ${header.threadId}: ${shownHandle(handle)}`),
    ),
  ]
}

process.on('SIGUSR2', () => {
  writeSync(
    2,
    openHandles()
      .map((line) => `open: ${line}\n`)
      .join(''),
  )
})
