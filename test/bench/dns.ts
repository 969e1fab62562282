import { encode, RECURSION_DESIRED } from 'dns-packet'
import { StubResolver } from '../../core/dns/stub-resolver.ts'
import { instant } from '../../core/runtime/time.ts'
import { ratePerSecond, type Figure } from './figure.ts'

/** The client's resolver alone, from the bytes of a query to the bytes of its answer, without sockets. */
export const benchDns = async (): Promise<Figure[]> => {
  const resolver = new StubResolver<number>()
  const now = instant(0)
  const resources = Array.from({ length: 1_000 }, (_, i) => ({ id: `id-${i}`, address: `**.site-${i}.example.org` }))
  resolver.handle({ type: 'resourcesChanged', resources }, now)
  const encoded = (name: string) =>
    encode({ type: 'query', id: 1, flags: RECURSION_DESIRED, questions: [{ name, type: 'A' }] })
  const mapped = Array.from({ length: 1_000 }, (_, i) => encoded(`www.site-${i}.example.org`))
  const sentinel = '100.100.111.1'

  let next = 0
  const mappedNames = ratePerSecond(() => {
    const message = mapped[next++ % mapped.length] ?? new Uint8Array()
    resolver.handle({ type: 'queryReceived', query: next, sentinel, message, protocol: 'udp' }, now)
    while (resolver.poll() !== undefined);
  })
  return [{ name: 'stub resolver, mapped names of 1,000 resources', value: mappedNames, unit: 'queries/s' }]
}
