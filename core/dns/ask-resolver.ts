import type { UpstreamQuery, UpstreamResolver, UpstreamVerdict } from '../contract/upstream-resolver.ts'

/** Asks a resolver plugin. One that breaks its promise and throws has failed. Never rejects. */
export const askResolver = async (resolver: UpstreamResolver, query: UpstreamQuery): Promise<UpstreamVerdict> => {
  try {
    return await resolver.resolve(query)
  } catch (error) {
    return { type: 'failed', code: 'unreachable', reason: String(error) }
  }
}
