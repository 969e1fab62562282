import { isIPv6 } from 'node:net'
import { failure } from './failure.ts'

/** Delay after which the next address is tried while the attempt before goes on. RFC 8305 §5 */
export const STAGGER_MS = 250

export interface Attempts<T> {
  /** Addresses of one host, in the order of the system's resolver. */
  addresses: readonly string[]
  /** Host name for error texts. */
  host: string
  /** Connects to one address; rejects once `signal` aborts. */
  attempt: (address: string, signal: AbortSignal) => Promise<T>
  /** Closes a connection that was made although another one was first. */
  discard: (connection: T) => void
}

/**
 * Connects to the addresses of a host, the next one `STAGGER_MS` after the one before or as soon as that has failed,
 * and returns the first connection that is made ("happy eyeballs", RFC 8305). Rejects with an AggregateError of all
 * failures.
 */
export const firstConnection = <T>({ addresses, host, attempt, discard }: Attempts<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const order = interleaved(addresses)
    const giveUp = new AbortController()
    const failures: Error[] = []
    let next = 0
    let timer: NodeJS.Timeout | undefined

    const begin = (): void => {
      clearTimeout(timer)
      const address = order[next++]
      if (address === undefined) return
      if (next < order.length) timer = setTimeout(begin, STAGGER_MS)
      attempt(address, giveUp.signal).then(succeed, fail)
    }
    const succeed = (connection: T): void => {
      if (giveUp.signal.aborted) return discard(connection)
      clearTimeout(timer)
      giveUp.abort()
      resolve(connection)
    }
    const fail = (error: unknown): void => {
      if (giveUp.signal.aborted) return
      failures.push(error instanceof Error ? error : new Error(String(error)))
      if (failures.length < order.length) return begin()
      giveUp.abort()
      reject(summary(failures, host))
    }
    if (order.length === 0) reject(failure('ENOTFOUND', `${host} has no address`))
    else begin()
  })

/** Orders addresses so that families alternate, beginning with that of the first address. RFC 8305 §4 */
export const interleaved = (addresses: readonly string[]): string[] => {
  const isFirst = isIPv6(addresses[0] ?? '')
  const of = (family: boolean): string[] => addresses.filter((address) => isIPv6(address) === family)
  const [one, other] = [of(isFirst), of(!isFirst)]
  return one.flatMap((address, at) => [address, ...other.slice(at, at + 1)]).concat(other.slice(one.length))
}

const summary = (failures: readonly Error[], host: string): Error => {
  const [first] = failures
  if (first !== undefined && failures.length === 1) return first
  const code = failures.find((one): one is Error & { code: string } => 'code' in one)?.code
  return Object.assign(new AggregateError(failures, failures.map(({ message }) => message).join('; ')), {
    code: code ?? 'ENOTFOUND',
    host,
  })
}
