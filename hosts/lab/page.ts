import type { Namespace } from './namespace.ts'

export interface PageRequest {
  method?: string
  headers?: Readonly<Record<string, string>>
  body?: string
  timeoutMs?: number
  /** Device or address that the request must be sent from. */
  from?: string
}

/** Result of a request: the page, or the reason why there is none. */
export type PageVerdict =
  | { ok: true; status: number; body: string; ms: number }
  | {
      ok: false
      /** Exit code of curl: 6 unknown name, 7 refused or unreachable, 28 timeout. */
      code: number | null
      /** Error message of curl. */
      reason: string
      ms: number
    }

const TIMEOUT_MS = 10_000

/**
 * Requests a page with curl on a machine of the lab. Headers and body are passed on standard input, as they may be
 * secrets.
 */
export const fetchPage = async (
  machine: Namespace,
  url: string,
  { method = 'GET', headers = {}, body, timeoutMs = TIMEOUT_MS, from }: PageRequest = {},
): Promise<PageVerdict> => {
  const settings = [
    ['url', url],
    ['request', method],
    ['max-time', String(timeoutMs / 1000)],
    ['write-out', '\n%{http_code}'],
    ...(from === undefined ? [] : [['interface', from]]),
    ...Object.entries(headers).map(([name, value]) => ['header', `${name}: ${value}`]),
    ...(body === undefined ? [] : [['data-raw', body]]),
  ]
  const config = settings.map(([name, value]) => `${name} = ${JSON.stringify(value)}`).join('\n')
  const began = performance.now()
  const args = ['-q', '-sS', '--noproxy', '*', '-K', '-']
  const result = await machine.run('curl', args, { input: config, timeoutMs: timeoutMs + 5_000 })
  const ms = Math.round(performance.now() - began)
  if (result.code !== 0) return { ok: false, code: result.code, reason: lastLine(result.stderr), ms }
  const end = result.stdout.lastIndexOf('\n')
  return { ok: true, status: Number(result.stdout.slice(end + 1)), body: result.stdout.slice(0, end), ms }
}

/** Returns the last line of a text: `ip netns exec` may write others before it. */
const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''
