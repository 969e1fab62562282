import type { DnsExchange } from '../runtime/dns-exchange.ts'
import type { Endpoint } from '../runtime/endpoint.ts'
import { formatAddress } from '../net/ip-address.ts'
import { answeredData } from './answered-data.ts'
import { askServer } from './ask-server.ts'
import { CLASS_IN, parseAnswer, RecordType, writeQuery } from './message.ts'
import { normalizeName } from './pattern.ts'

/** A host to look up, and the servers to ask. */
export interface HostQuestion {
  /** DNS servers, asked one after another until one has an address. */
  servers: readonly Endpoint[]
  /** Returns the name in the certificate of a server that is asked over TLS; undefined if by plain DNS, the default. */
  serverName?: (server: Endpoint) => string | undefined
  name: string
  signal: AbortSignal
  /** Timeout of each exchange with a server. */
  timeoutMs: number
}

/** Looks up the addresses of a host, IPv4 first. Resolves to an empty list if no server has one; never rejects. */
export const lookUpHost = async (
  exchange: DnsExchange,
  { servers, serverName, name: written, signal, timeoutMs }: HostQuestion,
): Promise<string[]> => {
  const name = normalizeName(written)
  for (const server of servers) {
    const families = [RecordType.A, RecordType.AAAA].map(async (type): Promise<string[]> => {
      // The exchange replaces the id.
      const question = { id: 0, name, type, recordClass: CLASS_IN }
      const message = writeQuery(question)
      if (message === undefined) return []
      const asked = { server, serverName: serverName?.(server), message, protocol: 'udp', signal, timeoutMs } as const
      const verdict = await askServer(exchange, asked)
      const read = verdict.type === 'answered' ? parseAnswer(verdict.message, question) : undefined
      if (verdict.type !== 'answered' || read?.type !== 'answer') return []
      const length = type === RecordType.A ? 4 : 16
      return answeredData(verdict.message, read.answer, question)
        .filter((data) => data.length === length)
        .slice(0, MAX_ADDRESSES)
        .map((data) => formatAddress(data))
    })
    const addresses = (await Promise.all(families)).flat()
    if (addresses.length > 0 || signal.aborted) return addresses
  }
  return []
}

const MAX_ADDRESSES = 8
