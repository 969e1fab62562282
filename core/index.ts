// The public API for plugin authors. Nothing else of this package is promised.
export {
  definePlugin,
  PLUGIN_API,
  type PluginDefinition,
  type PluginContext,
  type ProvideOptions,
} from './plugin/define-plugin.ts'
export { type ExtensionPoint, type Extension, type Extensions } from './plugin/extension-point.ts'
export { injected, token, type Token, type Constructor } from './di.ts'
export { OperatorError } from './config/operator-error.ts'
export { Secret } from './runtime/secret.ts'

export {
  IdentityProviders,
  type IdentityProvider,
  type SignInRequest,
  type SignInReply,
  type SignInStep,
  type SignInPrompt,
  type SignInField,
  type KeptState,
  type SignInDesk,
  type SignInRecords,
  type RecordChange,
  type Identity,
  type Refusal,
} from './contract/identity-provider.ts'
export { domainOfEmail, readEmailDomain } from './net/email-domain.ts'
export {
  PolicyConditions,
  type PolicyCondition,
  type ConditionQuestion,
  type ConditionVerdict,
  type Facts,
  type FactName,
} from './contract/policy-condition.ts'
export {
  UpstreamResolvers,
  type UpstreamResolver,
  type UpstreamServer,
  type UpstreamQuery,
  type UpstreamVerdict,
  type UpstreamFailure,
} from './contract/upstream-resolver.ts'
export {
  GatewaySelectors,
  type GatewaySelector,
  type SelectionQuestion,
  type GatewayCandidate,
  type Selection,
} from './contract/gateway-selector.ts'
export {
  TunnelTransports,
  type TunnelTransport,
  type TunnelKeys,
  type TunnelOptions,
  type Tunnel,
  type TunnelInput,
  type TunnelOutput,
  type TunnelKeysOutput,
  type ExportedKeys,
  type TunnelTraffic,
  type Path,
  type PeerId,
} from './contract/tunnel-transport.ts'

export { type Machine, type Deadline, earliest } from './runtime/machine.ts'
export { DeadlineQueue } from './runtime/deadline-queue.ts'
export { OutputQueue } from './runtime/output-queue.ts'
export {
  type Instant,
  type UnixTime,
  type ClockPair,
  instant,
  unixTime,
  after,
  earlier,
  SECOND,
  MINUTE,
  HOUR,
  DAY,
} from './runtime/time.ts'
export { TokenBucket, type Rate } from './runtime/token-bucket.ts'
export { Clock } from './runtime/clock.ts'
export { Random, integerBelow, uuid } from './runtime/random.ts'
export { SecretFiles, type SecretFile } from './runtime/secret-files.ts'
export { Logger, type LogFields } from './runtime/logger.ts'
export { TrustedAuthorities } from './runtime/trusted-authorities.ts'
export { HttpClient, type HttpRequest, type HttpResponse } from './runtime/http-client.ts'
export { DnsExchange, type DnsExchangeRequest, SystemResolvers } from './runtime/dns-exchange.ts'
export { anotherMayKnow, ASK_LAST_FOR } from './dns/another-server.ts'
export { askServer, type ServerQuery } from './dns/ask-server.ts'
export { lookUpHost, type HostQuestion } from './dns/look-up-host.ts'
export { isAnswerTo, responseCode } from './dns/message.ts'
export { failureOf } from './dns/upstream-failure.ts'
export { type Endpoint, type Family, endpoint, splitEndpoint } from './runtime/endpoint.ts'
export { parseAddress, type AddressBytes } from './net/ip-address.ts'
export { type Startable } from './runtime/lifecycle.ts'

export { X25519PrivateKey, X25519PublicKey, X25519_BYTES } from './crypto/x25519.ts'
export { ChaCha20Poly1305, TAG_BYTES, type Sealing } from './crypto/chacha20-poly1305.ts'
export { xchachaSeal, xchachaOpen, type XSealing } from './crypto/xchacha20-poly1305.ts'
export { blake2s, keyedBlake2s128, hkdfBlake2s } from './crypto/blake2s.ts'
export { tai64n, isLater, successor, TAI64N_BYTES } from './crypto/tai64n.ts'
export { equalSecrets } from './crypto/equal-secrets.ts'
export { utf8, toHex } from './crypto/text-encoding.ts'
