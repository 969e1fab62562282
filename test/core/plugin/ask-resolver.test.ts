import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { UpstreamResolver } from '../../../core/contract/upstream-resolver.ts'
import { askResolver, discoverServers } from '../../../core/plugin/ask-resolver.ts'

const query = () => ({
  settings: {},
  message: Uint8Array.of(1, 2),
  protocol: 'udp' as const,
  signal: new AbortController().signal,
})

describe('asking a resolver plugin', () => {
  it('a resolver plugin is given the query, and its verdict is handed on', async () => {
    const echo: UpstreamResolver = { resolve: ({ message }) => Promise.resolve({ type: 'answered', message }) }
    expect(await askResolver(echo, query())).to.deep.equal({ type: 'answered', message: Uint8Array.of(1, 2) })
  })

  it('a resolver plugin’s verdict that a name is not its own is handed on, and nothing else beside it', async () => {
    const other: UpstreamResolver = { resolve: () => Promise.resolve({ type: 'notMine', message: Uint8Array.of(1) }) }
    expect(await askResolver(other, query())).to.deep.equal({ type: 'notMine' })
  })

  it('a resolver plugin that rejects, or throws at once, counts as one that failed', async () => {
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

  it('a resolver plugin’s failure is reported: a rejection, a throw, no verdict, servers that cannot be found, and not what was given up', async () => {
    const failures: string[] = []
    const failed = (call: string, error: unknown): void => void failures.push(`${call}: ${String(error)}`)
    const broken = {
      resolve: () => Promise.reject(new Error('no network')),
      discover: () => {
        throw new Error('no file')
      },
    }
    await askResolver(broken, query(), failed)
    await askResolver({ resolve: () => Promise.resolve({}) } as unknown as UpstreamResolver, query(), failed)
    expect(discoverServers(broken, {}, failed)).to.deep.equal([])
    await askResolver({ resolve: () => Promise.resolve({ type: 'notMine' }) }, query(), failed)
    await askResolver(broken, { ...query(), signal: AbortSignal.abort() }, failed)
    expect(failures).to.deep.equal([
      'resolve: Error: no network',
      'resolve: TypeError: the resolver plugin answered with no verdict',
      'discover: Error: no file',
    ])
  })
})
