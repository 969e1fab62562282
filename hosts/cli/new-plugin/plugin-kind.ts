import type { PointName } from '../../../core/contract/contracts.ts'

/** Kind of plugin that `portreeve plugin new` writes. */
export interface PluginKind {
  point: PointName
  /** Word that the names of such plugins begin with: `condition` in `condition-remote-ip`. */
  prefix: string
  /** Kind in words: `a policy condition`. */
  what: string
  /** Hosts that load it. */
  hosts: string
  /** Example package whose sources the template begins with, a folder of test/fixture/plugin; absent: the template is whole. */
  example?: { folder: string; key: RegExp }
}

export const PLUGIN_KINDS: readonly PluginKind[] = [
  { point: 'identity-providers', prefix: 'identity', what: 'an identity provider', hosts: 'the portal' },
  { point: 'policy-conditions', prefix: 'condition', what: 'a policy condition', hosts: 'the portal' },
  { point: 'fact-sources', prefix: 'facts', what: 'a fact source with a condition that reads it', hosts: 'the portal' },
  {
    point: 'upstream-resolvers',
    prefix: 'resolver',
    what: 'an upstream resolver',
    hosts: 'the portal, clients and gateways',
  },
  { point: 'gateway-selectors', prefix: 'selector', what: 'a gateway selector', hosts: 'the portal' },
  { point: 'relay-providers', prefix: 'relay', what: 'a relay provider', hosts: 'the portal' },
  {
    point: 'tunnel-transports',
    prefix: 'transport',
    what: 'a tunnel transport',
    hosts: 'clients and gateways',
    // A transport that passes its suite has handshakes, keys and timers: more than a page. Its files keep their names.
    example: { folder: 'portreeve-transport-noise-kk', key: /noise-kk(?!-t[ru])/g },
  },
]
