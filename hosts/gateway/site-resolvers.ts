import type { Extension } from '../../core/contract/extension-point.ts'
import type { ServerVerdict, UpstreamQuery, UpstreamResolver } from '../../core/contract/upstream-resolver.ts'
import { anotherMayKnow } from '../../core/dns/another-server.ts'
import { parseQuery, responseCode } from '../../core/dns/message.ts'
import { resolversFor } from '../../core/dns/split-dns.ts'
import { askResolver } from '../../core/plugin/ask-resolver.ts'
import type { ChosenResolver } from '../../core/plugin/chosen-resolvers.ts'
import type { PluginFailed } from '../../core/plugin/plugin-log.ts'

/** Query for the site's resolvers, which the configuration chooses. */
export type SiteQuery = Pick<UpstreamQuery, 'message' | 'protocol' | 'signal'>

/**
 * Asks the resolvers that a gateway's configuration names, one after the other, those for the name's domain first. The
 * next is asked if one has nothing to do with the name, fails, or answers with an error that another may not have. Never
 * rejects. `failuresOf` returns what logs the failures of a plugin.
 */
export const askSiteResolvers = async (
  resolvers: readonly ChosenResolver[],
  query: SiteQuery,
  failuresOf?: (extension: Extension<UpstreamResolver>) => PluginFailed,
): Promise<ServerVerdict> => {
  const parsed = parseQuery(query.message)
  const name = parsed.type === 'query' ? parsed.query.name : ''
  // A server's own error says more than a failure to reach another.
  let worst: ServerVerdict | undefined
  for (const { extension, settings } of resolversFor(name, resolvers).flat()) {
    const verdict = await askResolver(extension.value, { ...query, settings }, failuresOf?.(extension))
    if (verdict.type === 'notMine') continue
    if (verdict.type === 'failed') {
      if (verdict.code === 'aborted') return verdict
      worst ??= verdict
      continue
    }
    if (!anotherMayKnow(responseCode(verdict.message))) return verdict
    if (worst?.type !== 'answered') worst = verdict
  }
  return worst ?? NOBODYS
}

const NOBODYS: ServerVerdict = {
  type: 'failed',
  code: 'unsupported',
  reason: 'no resolver of the configuration has anything to do with the name',
}
