import {
  FactSources,
  GatewaySelectors,
  IdentityProviders,
  PolicyConditions,
  RelayProviders,
  TunnelTransports,
  UpstreamResolvers,
  type DeclaredFacts,
  type Extension,
  type ExtensionPoint,
  type Provided,
  type SettingsSchema,
} from '../../core/contract/extension-point.ts'
import type { PointName } from '../../core/contract/contracts.ts'
import type { Reads } from '../../core/contract/facts.ts'
import type { KeptState } from '../../core/contract/identity-provider.ts'
import type { Schema } from '../../core/contract/schema.ts'
import { createContainer, type Token } from '../../core/di.ts'
import type { HostKind, PluginDefinition, Point } from '../../core/plugin/define-plugin.ts'
import { installPlugins } from '../../core/plugin/install-plugins.ts'
import { PluginMetrics } from '../../core/plugin/plugin-metrics.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { DnsExchange, SystemResolvers } from '../../core/runtime/dns-exchange.ts'
import { HttpClient } from '../../core/runtime/http-client.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { Metrics } from '../../core/runtime/metrics.ts'
import { OutgoingSockets } from '../../core/runtime/outgoing-sockets.ts'
import { Random } from '../../core/runtime/random.ts'
import { RegisteredRelays } from '../../core/runtime/registered-relays.ts'
import { SecretFiles } from '../../core/runtime/secret-files.ts'
import { TrustedAuthorities } from '../../core/runtime/trusted-authorities.ts'
import {
  createDnsExchange,
  createHttpClient,
  createOutgoingSockets,
  createSecretFiles,
  createSystemResolvers,
  createTrustedAuthorities,
} from '../kit/ready-ports.ts'
import { RecordingLogger } from '../kit/recording-logger.ts'
import { SeededRandom } from '../kit/seeded-random.ts'
import { VirtualClock } from '../kit/virtual-clock.ts'

/** Implementation that a plugin provides, with the members that the conformance suites take. */
export interface ProvidedParts<Name extends PointName> {
  /** Sets the plugin up anew, and returns its implementation. */
  create: () => Provided<Name>
  /** Schema of the settings, as a host uses it. */
  schema: Schema<unknown>
  facts: DeclaredFacts
  candidateFacts: DeclaredFacts
  /** Schema of what an identity provider keeps between steps. */
  keep: Schema<KeptState>
  /** Fact that a fact source brings; absent at other points. */
  fact?: Reads<unknown>
}

export interface ProvidedByOptions {
  /** Key of the implementation; may be absent if the plugin provides only one at this point. */
  key?: string
  /** Configuration of the plugin, as an operator writes it. */
  config?: unknown
  /** Ports in place of the ready ones: `[[HttpClient, { send }]]`. Those are made anew for each `create`, these are shared. */
  ports?: readonly (readonly [Token<unknown>, unknown])[]
}

/**
 * Sets a plugin up as a host does, and returns what it provides at an extension point, to be spread into a conformance
 * suite: `policyConditionSuite('mine', { ...providedBy(plugin, PolicyConditions), settings: [{}], refused: [] })`.
 * @throws OperatorError that a host would stop with; Error if the plugin provides nothing there
 */
export const providedBy = <Name extends PointName>(
  plugin: PluginDefinition,
  { name }: Point<Name>,
  { key, config, ports = [] }: ProvidedByOptions = {},
): ProvidedParts<Name> => {
  const point = POINTS[name]
  const install = (host: HostKind): Extension<unknown> => {
    const container = createContainer()
    for (const [token, value] of new Map([...readyPorts(), ...ports])) container.value(token, value)
    const context = { folder: process.cwd(), host, hostVersion: '0.0.0' }
    installPlugins(container, [point], [{ definition: plugin, config, source: 'plugins[0]' }], context)
    const extensions = container.get<ReadonlyMap<string, Extension<unknown>>>(point.token)
    const found = key === undefined ? [...extensions.values()][0] : extensions.get(key)
    if (found !== undefined && (key !== undefined || extensions.size === 1)) return found
    const keys = [...extensions.keys()].join(', ') || 'nothing'
    throw new Error(`${plugin.name} provides ${keys} at ${name}: give the key of one of them`)
  }
  const { settings, keep, facts, candidateFacts, brings } = install(HOSTS[name])
  // A portal creates no source of a fact that clients say of their machines.
  const host = brings?.fact.from === 'client' ? 'client' : HOSTS[name]
  return {
    // The cast is safe: a host has looked at the methods.
    create: () => install(host).value as Provided<Name>,
    schema: schemaOf(settings),
    facts,
    candidateFacts,
    keep: schemaOf(keep) as Schema<KeptState>,
    ...(brings && { fact: brings.fact }),
  }
}

const POINTS: { readonly [Name in PointName]: ExtensionPoint<Name> } = {
  'identity-providers': IdentityProviders,
  'policy-conditions': PolicyConditions,
  'upstream-resolvers': UpstreamResolvers,
  'gateway-selectors': GatewaySelectors,
  'tunnel-transports': TunnelTransports,
  'fact-sources': FactSources,
  'relay-providers': RelayProviders,
}

const HOSTS: Readonly<Record<PointName, HostKind>> = {
  'identity-providers': 'portal',
  'policy-conditions': 'portal',
  'upstream-resolvers': 'client',
  'gateway-selectors': 'portal',
  'tunnel-transports': 'client',
  'fact-sources': 'portal',
  'relay-providers': 'portal',
}

const readyPorts = (): [Token<unknown>, unknown][] => [
  [Clock, new VirtualClock()],
  [Random, new SeededRandom('provided')],
  [HttpClient, createHttpClient()],
  [DnsExchange, createDnsExchange()],
  [SystemResolvers, createSystemResolvers([])],
  [OutgoingSockets, createOutgoingSockets()],
  [SecretFiles, createSecretFiles({})],
  [RegisteredRelays, { list: () => [], watch: () => () => undefined }],
  [TrustedAuthorities, createTrustedAuthorities()],
  [Logger, new RecordingLogger()],
  [Metrics, new PluginMetrics()],
]

const schemaOf = (settings: SettingsSchema): Schema<unknown> => ({
  '~standard': {
    version: 1,
    validate: (value) => {
      const verdict = settings.safeParse(value)
      if (verdict.ok) return { value: verdict.settings }
      return { issues: verdict.problems.map(({ path, message }) => ({ message: `${path}: ${message}` })) }
    },
    jsonSchema: { input: () => settings.jsonSchema() },
  },
})
