import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { UpstreamQuery, UpstreamVerdict } from '../../../core/contract/upstream-resolver.ts'
import { answerTo, parseQuery, responseCode, writeQuery, type ResponseCode } from '../../../core/dns/message.ts'
import { askSiteResolvers } from '../../../hosts/gateway/site-resolvers.ts'
import { extension } from '../../kit/extensions.ts'

/** Answers with a response code. */
const code =
  (rcode: ResponseCode) =>
  ({ message }: UpstreamQuery): UpstreamVerdict => {
    const parsed = parseQuery(message)
    return parsed.type === 'query' ? { type: 'answered', message: answerTo(parsed.query, { code: rcode }) } : NOT_MINE
  }
const NOT_MINE = { type: 'notMine' } as const
const failed = (reason: string) => ({ type: 'failed', code: 'timeout', reason }) as const
const ABORTED = { type: 'failed', code: 'aborted', reason: 'given up' } as const
const [OK, SERVFAIL, NXDOMAIN, REFUSED] = [0, 2, 3, 5] as const

type Reply = UpstreamVerdict | ((query: UpstreamQuery) => UpstreamVerdict)

/** Asks resolvers that answer in these ways for a name. Returns the outcome, and who was asked with which settings. */
const ask = async (name: string, ...resolvers: { reply: Reply; match?: string[] }[]) => {
  const asked: unknown[] = []
  const chosen = resolvers.map(({ reply, match }, at) => ({
    extension: extension(`resolver-${at}`, {
      resolve: (query: UpstreamQuery) => {
        asked.push(query.settings)
        return Promise.resolve(typeof reply === 'function' ? reply(query) : reply)
      },
    }),
    settings: at,
    match,
  }))
  const message = writeQuery({ id: 1, name, type: 1 }) ?? new Uint8Array()
  const verdict = await askSiteResolvers(chosen, { message, protocol: 'udp', signal: new AbortController().signal })
  return { asked, outcome: verdict.type === 'answered' ? responseCode(verdict.message) : verdict.reason }
}

describe("the resolvers of a gateway's configuration", () => {
  it('resolvers of a gateway are asked in their order, with their settings, until one answers', async () => {
    const first = await ask('wiki.example', { reply: code(NXDOMAIN) }, { reply: code(OK) })
    expect(first).to.deep.equal({ asked: [0], outcome: NXDOMAIN })
    const replies: Reply[] = [NOT_MINE, failed('silence'), code(REFUSED), code(OK), code(OK)]
    const later = await ask('wiki.example', ...replies.map((reply) => ({ reply })))
    expect(later).to.deep.equal({ asked: [0, 1, 2, 3], outcome: OK })
  })

  it('resolvers of a gateway leave the error of a server where nobody has an answer, or else the first failure', async () => {
    const outcome = async (...replies: Reply[]) =>
      (await ask('a.example', ...replies.map((reply) => ({ reply })))).outcome
    expect(await outcome(failed('one'), code(SERVFAIL), failed('two'))).to.equal(SERVFAIL)
    expect(await outcome(NOT_MINE, failed('one'), failed('two'))).to.equal('one')
    expect(await outcome(NOT_MINE, NOT_MINE)).to.match(/no resolver of the configuration/)
    expect(await outcome()).to.match(/no resolver of the configuration/)
  })

  it('resolvers of a gateway that are for the domain of a name are asked first, those for other domains not at all', async () => {
    const resolvers = [
      { reply: NOT_MINE },
      { reply: NOT_MINE, match: ['example.net'] },
      { reply: NOT_MINE, match: ['corp.example'] },
      { reply: NOT_MINE, match: ['lab.corp.example'] },
    ]
    expect((await ask('wiki.corp.example', ...resolvers)).asked).to.deep.equal([2, 0])
    expect((await ask('a.lab.corp.example', ...resolvers)).asked).to.deep.equal([3, 2, 0])
  })

  it('resolvers of a gateway are not asked further once the query is given up', async () => {
    const { asked } = await ask('a.example', { reply: ABORTED }, { reply: code(OK) })
    expect(asked).to.deep.equal([0])
  })

  it('resolvers of a gateway fail alone where they break their promise', async () => {
    const throwing = (): never => {
      throw new Error('broken')
    }
    expect(await ask('a.example', { reply: throwing }, { reply: code(OK) })).to.deep.equal({
      asked: [0, 1],
      outcome: OK,
    })
  })
})
