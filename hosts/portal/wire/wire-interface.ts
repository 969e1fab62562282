import { FEATURES, type ClientInterface, type FlowLogs } from '../../../core/control/messages.ts'
import { toReleased } from '../../../core/control/released-resolvers.ts'
import type { Account, Actor, Client } from '../store/entities.ts'

/**
 * Builds the configuration of a client's tunnel interface: addresses, and resolvers for names that are no resource's. A
 * client that does not announce support for resolvers of all kinds is told of those that the released wire can carry.
 */
export const clientInterface = (
  {
    client,
    account,
    actor,
    facts,
  }: {
    client: Client
    account: Account
    actor: Actor | undefined
    /** Names of the facts that clients are asked to say of their machines. */
    facts: readonly string[]
  },
  features: ReadonlySet<string>,
): ClientInterface => {
  const { upstreamResolvers } = account
  return {
    ipv4: client.ipv4,
    ipv6: client.ipv6,
    search_domain: account.searchDomain,
    ...toReleased(upstreamResolvers),
    ...(features.has(FEATURES.upstreamResolvers) ? { upstream_resolvers: upstreamResolvers } : {}),
    ...(features.has(FEATURES.clientFacts) && facts.length > 0 ? { client_facts: [...facts] } : {}),
    ...(features.has(FEATURES.names) && actor !== undefined
      ? { signed_in_as: { account_slug: account.slug, actor_name: actor.name, actor_id: actor.id } }
      : {}),
  }
}

/** Builds the flow log settings: nothing is uploaded, but the wire requires the fields. */
export const flowLogs = (publicUrl: string): FlowLogs => ({
  api_url: publicUrl,
  upload_interval_secs: 0,
  upload_batch_size: 0,
})
