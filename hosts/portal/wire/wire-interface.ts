import { FEATURES, type Body, type ClientInterface, type FlowLogs } from '../../../core/control/messages.ts'
import { toReleased } from '../../../core/control/released-resolvers.ts'
import type { Account, Actor, Client, Gateway } from '../store/entities.ts'

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
  const { upstreamResolvers, addressRanges } = account
  return {
    ipv4: client.ipv4,
    ipv6: client.ipv6,
    search_domain: account.searchDomain,
    ...toldRange(addressRanges),
    ...toReleased(upstreamResolvers),
    ...(features.has(FEATURES.upstreamResolvers) ? { upstream_resolvers: upstreamResolvers } : {}),
    ...(features.has(FEATURES.clientFacts) && facts.length > 0 ? { client_facts: [...facts] } : {}),
    ...(features.has(FEATURES.names) && actor !== undefined
      ? { signed_in_as: { account_slug: account.slug, actor_name: actor.name, actor_id: actor.id } }
      : {}),
  }
}

/**
 * Builds the part of an interface that tells of the account's ranges, if it has own ones. A peer tells only after its `init`
 * that it heeds them, and others ignore what they do not know.
 */
const toldRange = (ranges: Account['addressRanges']): Pick<ClientInterface, 'address_ranges'> =>
  ranges === null ? {} : { address_ranges: ranges }

/** Builds the configuration of a gateway's tunnel interface. */
export const gatewayInterface = ({ ipv4, ipv6 }: Gateway, { addressRanges }: Account): GatewayInterface => ({
  ipv4,
  ipv6,
  ...toldRange(addressRanges),
})

type GatewayInterface = Body<'gateway', 'fromPortal', 'init'>['interface']

/** Builds the flow log settings: nothing is uploaded, but the wire requires the fields. */
export const flowLogs = (publicUrl: string): FlowLogs => ({
  api_url: publicUrl,
  upload_interval_secs: 0,
  upload_batch_size: 0,
})
