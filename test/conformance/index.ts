// `portreeve/testing`: one conformance suite per extension point, for the authors of plugins, and what their own tests need.
export { checksOf, type Check } from './runner.ts'
export { VirtualClock } from '../kit/virtual-clock.ts'
export { SeededRandom } from '../kit/seeded-random.ts'
export { RecordingLogger } from '../kit/recording-logger.ts'
export { Browser } from '../kit/browser.ts'
export {
  createDnsExchange,
  createHttpClient,
  createOutgoingSockets,
  createSecretFiles,
  createSystemResolvers,
  createTrustedAuthorities,
} from '../kit/ready-ports.ts'
export { MemorySignInRecords, signInDesk } from '../kit/sign-in-desk.ts'
export { PluginMetrics as RecordingMetrics, type MetricSeries } from '../../core/plugin/plugin-metrics.ts'
export { TunnelWire, numberedPacket, numberOf, type CarriedDatagram, type Fate } from './tunnel-wire.ts'
export { providedBy, type ProvidedByOptions, type ProvidedParts } from './provided-by.ts'
export { factSourceSuite, type FactSourceSuite } from './fact-source.ts'
export { policyConditionSuite, type PolicyConditionSuite } from './policy-condition.ts'
export { gatewaySelectorSuite, type GatewaySelectorSuite } from './gateway-selector.ts'
export { relayProviderSuite, type RelayProviderSuite } from './relay-provider.ts'
export { tunnelTransportSuite } from './tunnel-transport.ts'
export { identityProviderSuite, type IdentityProviderSuite } from './identity-provider.ts'
export { upstreamResolverSuite, type UpstreamResolverSuite, type TestServer } from './upstream-resolver.ts'
export { DnsServer, type DnsHandler, type DnsReply, type ServedQuery } from '../kit/dns-server.ts'
