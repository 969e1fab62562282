// Composition root of the portal: makes all parts and connects them.
import {
  FactSources,
  GatewaySelectors,
  IdentityProviders,
  PolicyConditions,
  RelayProviders,
  ResolverSettings,
} from '../../core/contract/extension-point.ts'
import { describedPlugins } from '../../core/plugin/described-plugin.ts'
import { PluginLog } from '../../core/plugin/plugin-log.ts'
import { pluginParts } from '../../core/plugin/plugin-part.ts'
import { Clock } from '../../core/runtime/clock.ts'
import { Lifecycle } from '../../core/runtime/lifecycle.ts'
import type { Endpoint } from '../../core/runtime/endpoint.ts'
import { Logger } from '../../core/runtime/logger.ts'
import { Random } from '../../core/runtime/random.ts'
import { HOUR, SECOND } from '../../core/runtime/time.ts'
import { permitInternetAnd } from '../runtime/index.ts'
import { PluginFolders } from '../runtime/process/plugin-folders.ts'
import { warmUp } from '../runtime/process/warm-up.ts'
import { AuditRetention } from './store/audit-retention.ts'
import { GatewayRetention } from './store/gateway-retention.ts'
import { auditedSettings } from './settings/audited-settings.ts'
import type { PortalStart, RunningPortal } from './config.ts'
import { buildContainer } from './container.ts'
import { LastResort } from './last-resort.ts'
import { limitsOf } from './grants/limits.ts'
import { CertificateWatch } from './certificate-watch.ts'
import { close, createPortalServer, listen } from './listen.ts'
import { openRows } from './open-rows.ts'
import { handleUpgrades, type UpgradeRoute } from './upgrades.ts'
import { webApp } from './web/app.ts'
import { clientAddressBehind } from './origin/client-address.ts'
import { untrustedProxyWarning } from './origin/untrusted-proxy.ts'
import { controlMetrics, pluginCallMetrics } from './channel/control-metrics.ts'
import { PluginCalls } from './decide/plugin-calls.ts'
import { RELAY_CONNECT_PATH, isRelayPath } from '../../core/control/relay-messages.ts'
import { NOT_OFFERED, RelayEndpoint } from './relays/relay-endpoint.ts'
import { relayNotes } from './relays/relay-standing.ts'
import { relayMetrics } from './relays/relay-metrics.ts'
import { RelayWatch } from './relays/relay-watch.ts'
import { placesBy } from './relays/relays-config.ts'
import { PluginNeeds } from './settings/plugin-needs.ts'
import { rehearsePortal } from './channel/rehearsal.ts'
import { PortalShell } from './channel/shell.ts'
import { RefusedCalls } from './store/refused-calls.ts'
import type { Store } from './store/store.ts'
import { embeddedRelayMetrics } from './stun/embedded-relay-metrics.ts'
import { EmbeddedRelay } from './stun/embedded-relay.ts'
import { openStun } from './stun/open-stun.ts'
import { stunMetrics } from './stun/stun-metrics.ts'
import { onceASecond } from './web/health.ts'
import { Metrics } from './web/http/metrics.ts'

export { makeEmergencyCode } from './make-emergency-code.ts'
export { initPortal } from './init.ts'

/** Starts a portal. @throws OperatorError for errors in the configuration or its plugins, or if it cannot listen */
export const startPortal = async (options: PortalStart): Promise<RunningPortal> => {
  const { config, version } = options
  // Assigned once the container has made the logger: the list of proxies is checked before that.
  const warning: { untrusted?: (address: string) => void } = {}
  const clientAddress = clientAddressBehind(config.trusted_proxies, (address) => warning.untrusted?.(address))
  const { container, installation, pluginMetrics, isolated, registry } = await buildContainer(options)
  const clock = container.get(Clock)
  const random = container.get(Random)
  const logger = container.get(Logger)
  warning.untrusted = untrustedProxyWarning(logger)

  const resolvers = container.get(ResolverSettings.token)
  const settings = auditedSettings({
    conditions: container.get(PolicyConditions.token),
    selectors: container.get(GatewaySelectors.token),
    providers: container.get(IdentityProviders.token),
    resolvers,
  })
  const { store, tokens, key } = await openRows({ ...options, clock, random, logger, auditedSettings: settings })
  const lifecycle = new Lifecycle()
  await lifecycle.start([{ stop: () => store.close() }])
  try {
    const pluginLog = new PluginLog({ logger, clock })
    const lastResort = new LastResort({ logger, pluginLog, folders: new PluginFolders(installation.folders) })
    await lifecycle.start([lastResort, ...pluginParts(installation.parts, { clock, logger })])
    const certificate = new CertificateWatch(config.listen.tls, { clock, logger })
    await lifecycle.start([certificate])
    const server = createPortalServer(
      {
        requestTimeout: config.timeouts.request_seconds * SECOND,
        headersTimeout: config.timeouts.headers_seconds * SECOND,
        keepAliveTimeout: 5 * SECOND,
        // Precision of the timeouts above: with Node's default of 30 s they could take three times as long.
        connectionsCheckingInterval: SECOND,
      },
      certificate.served,
    )
    const url = await listen(server, {
      ...config.listen,
      onError: (error) => logger.error({ error }, 'a connection could not be accepted'),
    })
    await lifecycle.start([{ stop: () => close(server) }])

    const providers = container.get(IdentityProviders.token)
    const calls = new PluginCalls({ clock, log: pluginLog })
    const conditions = calls.conditions(container.get(PolicyConditions.token))
    const selectors = calls.selectors(container.get(GatewaySelectors.token))
    const relayProviders = calls.relayProviders(container.get(RelayProviders.token))
    const placeOf = placesBy(config.relays)
    const publicUrl = config.public_url?.replace(/\/$/, '') ?? url
    const limit = { perSecond: config.rate_limit.per_second, burst: config.rate_limit.burst }
    const control = new PortalShell({
      store,
      tokens,
      key,
      clock,
      random,
      logger,
      clientAddress,
      conditions,
      selectors,
      factSources: container.get(FactSources.token),
      relayProviders,
      placeOf,
      relayCredentialsMs: config.relays.credentials_hours * HOUR,
      askIsolated: calls.isolated(isolated.ask),
      publicUrl,
      connectLimit: limit,
      limits: limitsOf(config),
    })
    const needs = new PluginNeeds({ store, providers, conditions, selectors, resolvers })
    const metrics = new Metrics(pluginMetrics)
    controlMetrics(control, metrics.registry)
    certificate.measure(metrics.registry)
    pluginCallMetrics(calls, metrics.registry)
    const changed = (servers: readonly Endpoint[]): void => control.offerStun(servers)
    const stun = openStun({
      config: config.stun,
      relay: config.relay,
      publicUrl,
      clock,
      random,
      logger,
      changed,
      register: (relay) => registry.registered(relay),
      sourceOf: ({ socket, headers }) =>
        clientAddress({ socketAddress: socket.remoteAddress, forwardedFor: headers['x-forwarded-for'] }),
    })
    if (stun?.server !== undefined) {
      stunMetrics(stun.server, metrics.registry)
      if (stun.server instanceof EmbeddedRelay) embeddedRelayMetrics(stun.server, metrics.registry)
      await lifecycle.start([stun.server])
    }

    const relays = new RelayWatch({
      providers: relayProviders,
      clock,
      random,
      logger,
      probe: config.relays.probe,
      placeOf,
      changed: (present) => control.offerRelays(present),
    })
    const permits = permitInternetAnd(config.private_networks)
    const ofRelays = { store, tokens, registry, clock, logger, clientAddress, connectLimit: limit, permits }
    const relayEndpoint = new RelayEndpoint(ofRelays)
    relayMetrics(
      { watch: relays, endpoint: relayEndpoint, timesAsked: () => control.machine.timesAskedForRelays },
      metrics.registry,
    )

    const refusedCalls = new RefusedCalls({ store, clock, logger })
    const app = webApp({
      refusedCalls,
      store,
      tokens,
      key,
      clock,
      random,
      logger,
      pluginLog,
      clientAddress,
      version,
      providers,
      conditions,
      selectors,
      resolvers,
      plugins: describedPlugins(installation),
      isConnected: (id) => control.isConnected(id),
      connectedIds: () => control.connectedIds(),
      machineOf: (gatewayId) => control.machineOf(gatewayId),
      paths: control.paths,
      onPresence: (look) => control.onPresence(look),
      decisions: control.decisions,
      relays: () => relays.standings(),
      publicUrl,
      clientScheme: config.client_scheme,
      rateLimit: limit,
      signInRateLimit: { perSecond: config.rate_limit.sign_in_per_second, burst: config.rate_limit.sign_in_burst },
      checks: [
        { name: 'database', check: onceASecond(() => store.check(), clock) },
        { name: 'database-listener', check: () => hearsChanges(store) },
        { name: 'plugins', check: () => needs.check() },
      ],
      notes: () => [...certificate.notes(), ...relayNotes(relays.standings())],
      metrics,
    })
    const handle = app.callback()
    const retention = new AuditRetention({ store, clock, logger, keep: config.audit_trail })
    const isConnected = (id: string): boolean => control.isConnected(id)
    const gatewayRetention = new GatewayRetention({ store, clock, logger, isConnected, keep: config.gateway_rows })
    const started = lifecycle.start([needs, control, retention, gatewayRetention, refusedCalls])
    // Early requests wait until the rows are loaded.
    server.on('request', (request, response) => {
      lastResort.watch(response, () => {
        started.then(
          () => handle(request, response),
          () => response.destroy(),
        )
      })
    })
    await started
    await lifecycle.start([relays, relayEndpoint, ...(stun === undefined ? [] : [stun.addresses])])
    if (stun?.server instanceof EmbeddedRelay && !registry.isWatched) logger.warn({ name: 'portal' }, NOT_OFFERED)
    handleUpgrades(
      server,
      [
        { owns: isRelayPath, upgrade: async (...request) => relayEndpoint.upgrade(...request) },
        ...(stun?.server instanceof EmbeddedRelay ? [relayConnects(stun.server)] : []),
      ],
      async (...request) => control.upgrade(...request),
    )
    const endWarmUp = warmUp({ name: 'portal', rehearse: () => rehearsePortal({ random }) }, (error) =>
      logger.debug({ error }, 'a rehearsal failed: the first request will take longer'),
    )
    await lifecycle.start([{ stop: endWarmUp }])
    logger.info({ url, version, plugins: installation.plugins.map(({ name }) => name) }, 'the portal serves')
    return { url, readCertificate: () => certificate.look(), stop: () => lifecycle.stop() }
  } catch (error) {
    await lifecycle.stop()
    throw error
  }
}

/** Makes the route of the WebSockets by which peers reach the relay in this process. */
const relayConnects = (relay: EmbeddedRelay): UpgradeRoute => ({
  owns: (path) => path === RELAY_CONNECT_PATH,
  upgrade: (...request) => Promise.resolve(relay.upgrade(...request)),
})

/**
 * Readiness check: fails while this process may miss other processes' changes, because it would then grant access that
 * was taken away.
 */
const hearsChanges = async (store: Store): Promise<void> => {
  const listenFailure = store.listenFailure()
  return listenFailure === undefined ? Promise.resolve() : Promise.reject(new Error(listenFailure))
}
