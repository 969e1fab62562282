import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { UpstreamResolver } from '../../../core/contract/upstream-resolver.ts'
import { askResolver } from '../../../core/plugin/ask-resolver.ts'

const query = () => ({
  server: {},
  message: Uint8Array.of(1, 2),
  protocol: 'udp' as const,
  signal: new AbortController().signal,
})

describe('asking a resolver plugin', () => {
  it('hands on what it was asked, and its verdict', async () => {
    const echo: UpstreamResolver = { resolve: ({ message }) => Promise.resolve({ type: 'answered', message }) }
    expect(await askResolver(echo, query())).to.deep.equal({ type: 'answered', message: Uint8Array.of(1, 2) })
  })

  it('hands on that a name is none of its own, and nothing else that stands beside it', async () => {
    const other: UpstreamResolver = { resolve: () => Promise.resolve({ type: 'notMine', message: Uint8Array.of(1) }) }
    expect(await askResolver(other, query())).to.deep.equal({ type: 'notMine' })
  })

  it('counts one that rejects, or throws at once, as one that failed', async () => {
    const rejecting: UpstreamResolver = { resolve: () => Promise.reject(new Error('no network')) }
    const throwing: UpstreamResolver = {
      resolve: () => {
        throw new Error('no network')
      },
    }
    for (const resolver of [rejecting, throwing]) {
      expect(await askResolver(resolver, query())).to.deep.equal({
        type: 'failed',
        code: 'unreachable',
        reason: 'Error: no network',
      })
    }
  })
})
