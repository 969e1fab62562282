import { encode, RECURSION_DESIRED } from 'dns-packet'
import { StubResolver } from '../../core/dns/stub-resolver.ts'
import { instant } from '../../core/runtime/time.ts'
import { costsInTurn, type Figure, type Work } from './figure.ts'

const SIZES = [1, 10, 100, 1_000, 10_000]
const NOW = instant(0)
const SENTINEL = '100.100.111.1'

/**
 * Measures the client's resolver alone, from the bytes of a query to the bytes of its answer, without sockets. Each
 * query is for a name of another resource.
 */
export const benchDns = async (): Promise<Figure[]> => {
  const costs = costsInTurn(SIZES.map(asking))
  return SIZES.map((size, index) => ({
    name: `stub resolver, mapped names of ${size.toLocaleString('en')} resources`,
    value: 1e9 / (costs[index] ?? 0),
    unit: 'queries/s of a core',
    goal: 'over 50,000',
  }))
}

const asking = (size: number): Work => {
  const resolver = new StubResolver<number>()
  const resources = Array.from({ length: size }, (_, at) => ({ id: `id-${at}`, address: `**.site-${at}.example.org` }))
  resolver.handle({ type: 'resourcesChanged', resources }, NOW)
  const queries = resources.map((_, at) =>
    encode({
      type: 'query',
      id: 1,
      flags: RECURSION_DESIRED,
      questions: [{ name: `www.site-${at}.example.org`, type: 'A' }],
    }),
  )
  let next = 0
  return () => {
    const message = queries[next++ % size] ?? new Uint8Array()
    resolver.handle({ type: 'queryReceived', query: next, sentinel: SENTINEL, message, protocol: 'udp' }, NOW)
    let answers = 0
    for (let output = resolver.poll(); output !== undefined; output = resolver.poll()) {
      if (output.type === 'answer') answers++
    }
    if (answers !== 1) throw new Error(`${answers} answers`)
    return 1
  }
}
