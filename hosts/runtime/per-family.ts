import type { Family } from '../../core/runtime/endpoint.ts'

const LACKING = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'])

/** Whether an error says that this machine lacks the socket's address family or address. */
export const lacksFamily = (error: unknown): boolean => LACKING.has(codeOf(error) ?? '')

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined

/**
 * Opens one socket for each address family that this machine has. If one fails for another reason, or there is no
 * family at all, closes the opened socket and rejects.
 */
export const openPerFamily = async <Socket>({
  open,
  close,
}: {
  open: (family: Family) => Socket | Promise<Socket>
  close: (socket: Socket) => unknown
}): Promise<ReadonlyMap<Family, Socket>> => {
  const opened = new Map<Family, Socket>()
  const failures: unknown[] = []
  for (const family of ['ipv4', 'ipv6'] as const) {
    try {
      opened.set(family, await open(family))
    } catch (error) {
      failures.push(error)
      if (lacksFamily(error)) continue
      await Promise.all([...opened.values()].map(close))
      throw error
    }
  }
  if (opened.size > 0) return opened
  const none = new AggregateError(failures, 'this machine has neither IPv4 nor IPv6')
  throw Object.assign(none, { code: codeOf(failures.at(-1)) })
}
