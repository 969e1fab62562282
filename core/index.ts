// `portreeve`, the public API for plugin authors. Beside it only `portreeve/crypto` and `portreeve/testing` are promised.
export {
  definePlugin,
  PLUGIN_API,
  type PluginDefinition,
  type Setup,
  type Provide,
  type Declaration,
  type PluginContext,
  type HostKind,
  type NoConfig,
} from './plugin/define-plugin.ts'
/**
 * Schema library zod in the host's version. Plugins may use any other library with Standard Schema and Standard JSON
 * Schema instead.
 */
export { z } from 'zod'
export { type Schema, type Validation, type SchemaIssue } from './contract/schema.ts'
export { type PointName, type NoSettings, type NoKeep } from './contract/contracts.ts'
export {
  IdentityProviders,
  PolicyConditions,
  UpstreamResolvers,
  GatewaySelectors,
  TunnelTransports,
  FactSources,
  RelayProviders,
} from './contract/extension-point.ts'
export {
  fact,
  Facts,
  optional,
  type Fact,
  type FactOrigin,
  type FactToken,
  type Reads,
  type About,
} from './contract/facts.ts'
export {
  type FactSource,
  type FactQuestion,
  type FactSnapshot,
  type FactTable,
  type OwnFact,
} from './contract/fact-source.ts'
export {
  type RelayProvider,
  type ProvidedRelay,
  type Coordinates,
  type RelayCredentialsQuestion,
  type RelayCredentials,
} from './contract/relay-provider.ts'
export { token, type Token } from './di.ts'
export { OperatorError } from './config/operator-error.ts'
export { Secret } from './runtime/secret.ts'

export {
  type IdentityProvider,
  type SignInRequest,
  type SignInReply,
  type SignInStep,
  type SignInPrompt,
  type SignInField,
  type KeptState,
  type SignInDesk,
  type SignInNote,
  type NotedClaim,
  type SignInRecords,
  type RecordChange,
  type Identity,
  type Authentication,
  type JsonValue,
  type SignOutRequest,
  type SignOutStep,
  type Refusal,
} from './contract/identity-provider.ts'
export { fittingStatements, STATEMENT_LIMITS, type FittingStatements } from './contract/identity-statements.ts'
export { domainOfEmail, readEmailDomain } from './net/email-domain.ts'
export { type PolicyCondition, type ConditionQuestion, type ConditionVerdict } from './contract/policy-condition.ts'
export {
  type UpstreamResolver,
  type UpstreamQuery,
  type UpstreamVerdict,
  type ServerVerdict,
  type UpstreamFailure,
} from './contract/upstream-resolver.ts'
export {
  type GatewaySelector,
  type SelectionQuestion,
  type GatewayCandidate,
  type Unsure,
  type Selection,
} from './contract/gateway-selector.ts'
export {
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
export { Metrics, type MetricLabels } from './runtime/metrics.ts'
export { TrustedAuthorities } from './runtime/trusted-authorities.ts'
export { HttpClient, type HttpRequest, type HttpResponse } from './runtime/http-client.ts'
export { OutgoingSockets, type OutgoingSocket, type SocketEvents, type StreamTls } from './runtime/outgoing-sockets.ts'
export { RegisteredRelays, type RegisteredRelay } from './runtime/registered-relays.ts'
export { DnsExchange, type DnsExchangeRequest, SystemResolvers } from './runtime/dns-exchange.ts'
export { anotherMayKnow, ASK_LAST_FOR_MS } from './dns/another-server.ts'
export { askServer, type ServerQuery } from './dns/ask-server.ts'
export { lookUpHost, type HostQuestion } from './dns/look-up-host.ts'
export { readName, writeName } from './dns/wire-name.ts'
export {
  answerTo,
  isAnswerTo,
  isTruncated,
  parseAnswer,
  parseQuery,
  responseCode,
  writeQuery,
  RecordType,
  ResponseCode,
  type AnswerParts,
  type AnswerProblem,
  type AnswerRecords,
  type AnswerVerdict,
  type DnsAnswer,
  type DnsQuery,
  type DnsRecord,
  type QueryProblem,
  type QueryVerdict,
} from './dns/message.ts'
export { failureOf } from './dns/upstream-failure.ts'
export { type Endpoint, type Family, endpoint, splitEndpoint } from './runtime/endpoint.ts'
export { parseAddress, type AddressBytes } from './net/ip-address.ts'
export { ServerAddress, ServerUrl } from './net/server-address.ts'
export { DomainName } from './config/resolver-entry.ts'
export { type Startable } from './runtime/lifecycle.ts'

export { utf8, toHex } from './crypto/text-encoding.ts'
