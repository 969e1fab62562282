import type { UpstreamQuery, UpstreamResolver, UpstreamVerdict } from '../../core/contract/upstream-resolver.ts'
import { answerTo, isTruncated, parseQuery, writeQuery, type DnsQuery } from '../../core/dns/message.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import type { DnsHandler } from '../kit/dns-server.ts'
import { expect, fc } from './libraries.ts'
import { after, afterEach, before, describe, it } from './runner.ts'

export interface UpstreamResolverSuite<Settings> {
  create: () => Promise<UpstreamResolver<Settings>> | UpstreamResolver<Settings>
  /** Puts up a real server of the kind that the resolver asks, which answers as the handler says. `TestServer.stop` takes it down. */
  serve: (handler: DnsHandler) => Promise<TestServer<Settings>>
}

export interface TestServer<Settings> {
  /** Settings with which the resolver asks it. */
  settings: Settings
  /** The server, where the resolver finds several by itself. */
  server?: Endpoint
  stop: () => Promise<void>
}

/** Tests that every upstream resolver passes, over real sockets. */
export const upstreamResolverSuite = <Settings>(name: string, suite: UpstreamResolverSuite<Settings>): void => {
  describe(`upstream resolver ${name}`, () => {
    let resolver: UpstreamResolver<Settings>
    const running: TestServer<Settings>[] = []
    const serve = async (handler: DnsHandler): Promise<Asked<Settings>> => {
      const server = await suite.serve(handler)
      running.push(server)
      return asked(server)
    }
    const resolve = (
      server: Asked<Settings>,
      query: Partial<Pick<UpstreamQuery, 'message' | 'protocol' | 'signal'>> = {},
    ): Promise<UpstreamVerdict> =>
      resolver.resolve({ message: ask(1), protocol: 'udp', signal: new AbortController().signal, ...query, ...server })

    before(async () => {
      resolver = await suite.create()
      await (resolver as Partial<{ start: () => Promise<void> }>).start?.()
    })
    after(async () => {
      await (resolver as Partial<{ stop: () => Promise<void> }>).stop?.()
    })
    afterEach(async () => {
      for (const server of running.splice(0)) await server.stop()
    })

    for (const protocol of ['udp', 'tcp'] as const) {
      it(`a resolver gives back the server's answer as it came (asked over ${protocol})`, async () => {
        const server = await serve(({ message }) => [answer(message, { addresses: 3 })])
        const message = ask(0xbeef)
        const before = message.slice()
        const verdict = await resolve(server, { message, protocol })
        expect(bytesOf(verdict)).to.deep.equal(answer(message, { addresses: 3 }))
        expect(message, 'the query is borrowed').to.deep.equal(before)
      })

      it(`a resolver takes NXDOMAIN, SERVFAIL and REFUSED for answers (asked over ${protocol})`, async () => {
        for (const code of [2, 3, 5] as const) {
          const server = await serve(({ message }) => [answer(message, { code })])
          expect(bytesOf(await resolve(server, { protocol }))).to.deep.equal(answer(ask(1), { code }))
        }
      })

      it(`a resolver fails with a code and a reason where nobody listens (asked over ${protocol})`, async () => {
        const gone = await suite.serve(() => [])
        await gone.stop()
        expectFailure(await resolve(asked(gone), { protocol }), ['refused', 'unreachable', 'timeout'])
      })

      it(`a resolver gives up on a silent server as soon as the signal aborts (asked over ${protocol})`, async () => {
        const controller = new AbortController()
        const server = await serve(() => {
          controller.abort()
          return []
        })
        expectFailure(await resolve(server, { protocol, signal: controller.signal }), ['aborted'])
      })
    }

    it('a resolver asks nobody when the signal was aborted before', async () => {
      let count = 0
      const server = await serve(({ message }) => {
        count++
        return [answer(message, { addresses: 1 })]
      })
      expectFailure(await resolve(server, { signal: AbortSignal.abort() }), ['aborted'])
      expect(count).to.equal(0)
    })

    it('a resolver fails where the server breaks off', async () => {
      const server = await serve(() => 'hangUp')
      expectFailure(await resolve(server, { protocol: 'tcp' }), ['refused', 'unreachable', 'malformed'])
    })

    it('a resolver gives back a huge answer whole where it was asked over tcp', async () => {
      const server = await serve(({ message }) => [answer(message, { addresses: 4_000 })])
      const bytes = bytesOf(await resolve(server, { protocol: 'tcp' }))
      expect(bytes.length).to.be.within(60_000, 65_535)
      expect(bytes).to.deep.equal(answer(ask(1), { addresses: 4_000 }))
    })

    it('a resolver gives back an answer that was cut short whole, or marked as cut short', async () => {
      const server = await serve(({ message, protocol }) =>
        protocol === 'udp' ? [answer(message, { truncated: true })] : [answer(message, { addresses: 500 })],
      )
      const bytes = bytesOf(await resolve(server))
      if (!isTruncated(bytes)) expect(bytes).to.deep.equal(answer(ask(1), { addresses: 500 }))
    })

    it('a resolver gives back the short answer where the whole one cannot be had', async () => {
      const server = await serve(({ message, protocol }) =>
        protocol === 'udp' ? [answer(message, { truncated: true })] : 'hangUp',
      )
      const verdict = await resolve(server)
      if (verdict.type === 'answered') expect(isTruncated(verdict.message)).to.equal(true)
      else expectFailure(verdict, ['refused', 'unreachable', 'malformed'])
    })

    it('a resolver takes no answer with another id or question, and nothing malformed, for the answer', async () => {
      for (const spoil of SPOILERS) {
        const server = await serve(({ message }) => {
          const good = answer(message, { addresses: 1 })
          return [spoil(good), good]
        })
        for (const protocol of ['udp', 'tcp'] as const) {
          const verdict = await resolve(server, { protocol })
          if (verdict.type === 'answered') expect(bytesOf(verdict)).to.deep.equal(answer(ask(1), { addresses: 1 }))
          else expectFailure(verdict, ['malformed', 'refused', 'timeout'])
        }
      }
    })

    it('a resolver never rejects and never answers falsely, whatever bytes come', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), async (noise) => {
          const server = await serve(({ message }) => [...noise, answer(message, { addresses: 1 })])
          for (const protocol of ['udp', 'tcp'] as const) {
            const verdict = await resolve(server, { protocol })
            if (verdict.type === 'answered') expect(bytesOf(verdict)).to.deep.equal(answer(ask(1), { addresses: 1 }))
            else expectFailure(verdict, ['malformed', 'refused', 'timeout', 'unreachable'])
          }
        }),
        { numRuns: 20 },
      )
    })

    it('a resolver does not mix up queries that are asked at once, even with one id', async () => {
      const held: (() => void)[] = []
      const server = await serve(async ({ message }) => {
        // Answered in reverse, once all are there.
        await new Promise<void>((release) => {
          held.push(release)
          if (held.length === AT_ONCE) for (const next of held.toReversed()) next()
        })
        return [answer(message, { addresses: 1 })]
      })
      const names = Array.from({ length: AT_ONCE }, (_, i) => `n${i}.example.com`)
      const verdicts = await Promise.all(names.map((name) => resolve(server, { message: ask(7, name) })))
      for (const [i, verdict] of verdicts.entries()) {
        expect(bytesOf(verdict)).to.deep.equal(answer(ask(7, names[i]), { addresses: 1 }))
      }
    })
  })
}

/** Part of a query that says whom to ask. */
type Asked<Settings> = Pick<UpstreamQuery<Settings>, 'settings' | 'server'>

const asked = <Settings>({ settings, server }: TestServer<Settings>): Asked<Settings> => ({
  settings,
  ...(server && { server }),
})

const AT_ONCE = 50

const ask = (id: number, name = 'www.example.com'): Uint8Array => {
  const message = writeQuery({ id, name, type: 1 })
  if (message === undefined) throw new Error('not a name')
  return message
}

const read = (message: Uint8Array): DnsQuery => {
  const verdict = parseQuery(message)
  if (verdict.type === 'refused') throw new Error(verdict.reason)
  return verdict.query
}

/** The answer of an upstanding server. */
const answer = (
  message: Uint8Array,
  { addresses = 0, code = 0, truncated = false }: { addresses?: number; code?: 0 | 2 | 3 | 5; truncated?: boolean },
): Uint8Array => {
  const data = Array.from({ length: addresses }, (_, i) => Uint8Array.of(192, 0, 2, i))
  return answerTo(read(message), { code, truncated, records: { type: 1, ttlSeconds: 300, data } })
}

const changed = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes[at] ?? 0) ^ 0x80)

const SPOILERS: readonly ((good: Uint8Array) => Uint8Array)[] = [
  (good) => changed(good, 0), // the id
  (good) => changed(good, 2), // no answer, but a query
  (good) => changed(good, 14), // another name
  (good) => good.subarray(0, 20),
  (good) => good.subarray(0, 5),
  () => new Uint8Array(0),
]

const bytesOf = (verdict: UpstreamVerdict): Uint8Array => {
  if (verdict.type === 'notMine') throw new Error('the resolver has nothing to do with the name')
  if (verdict.type === 'failed') throw new Error(`${verdict.code}: ${verdict.reason}`)
  return Uint8Array.from(verdict.message)
}

const expectFailure = (verdict: UpstreamVerdict, codes: readonly string[]): void => {
  expect(verdict.type).to.equal('failed')
  if (verdict.type !== 'failed') return
  expect(codes).to.include(verdict.code)
  expect(verdict.reason).to.be.a('string').with.length.within(1, 500)
  expect(verdict.reason).not.to.include('example.com')
}
