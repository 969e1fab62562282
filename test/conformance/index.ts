// `portreeve/testing`: one conformance suite per extension point, for the authors of plugins.
export { VirtualClock } from '../kit/virtual-clock.ts'
export { SeededRandom } from '../kit/seeded-random.ts'
export { RecordingLogger } from '../kit/recording-logger.ts'
export { policyConditionSuite, type PolicyConditionSuite } from './policy-condition.ts'
export { gatewaySelectorSuite, type GatewaySelectorSuite } from './gateway-selector.ts'
export { tunnelTransportSuite } from './tunnel-transport.ts'
export { identityProviderSuite, type IdentityProviderSuite } from './identity-provider.ts'
