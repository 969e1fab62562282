// Composition root of a relay.
import { hostname } from 'node:os'
import { OperatorError } from '../../core/config/operator-error.ts'
import { relayChannelUrl } from '../../core/control/relay-messages.ts'
import { accountOfUsername } from '../../core/crypto/relay-credentials.ts'
import { toBase64Url } from '../../core/crypto/text-encoding.ts'
import { parseAddress } from '../../core/net/ip-address.ts'
import { isOfInternet } from '../../core/net/reserved-range.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import { Lifecycle } from '../../core/runtime/lifecycle.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import type { NetworkInterfaces } from '../../core/runtime/network-interfaces.ts'
import type { ControlSocket } from '../peer/control-socket.ts'
import { userAgent } from '../peer/user-agent.ts'
import {
  checkCaFile,
  checkProxies,
  createClock,
  createLogger,
  createNetworkInterfaces,
  createRandom,
  createWebSockets,
} from '../runtime/index.ts'
import { parseNetwork } from '../runtime/permitted-addresses.ts'
import type { RelayConfig, RelayStart, RunningRelay } from './config.ts'
import { openRelaySocket, relaySocket } from './control-socket.ts'
import { RelayLink } from './relay-link.ts'
import { RelayServer } from './relay-server.ts'
import { RelayWebSockets } from './relay-web-sockets.ts'
import { allocationLimits, byFamily } from './relay-settings.ts'
import { relayStatusOf } from './relay-status.ts'
import { stampedPasswords } from './stamped-passwords.ts'
import { WebSocketListener } from './web-socket-listener.ts'

/**
 * Starts a relay. Needs no privileges.
 * @throws OperatorError for errors in the configuration, or if it cannot listen
 */
export const startRelay = async ({ config, token, version }: RelayStart): Promise<RunningRelay> => {
  checkCaFile(config.ca_file)
  checkProxies()
  const clock = createClock()
  const random = createRandom()
  const logger = createLogger({ level: config.log_level, name: 'relay' })
  const interfaces = createNetworkInterfaces()
  const addresses = byFamily(config.addresses.length > 0 ? config.addresses : ownAddresses(interfaces))
  // New at each start: peers are told of another relay at once, and need not find out that their allocations are gone.
  const stampSecret = toBase64Url(random.bytes(32))
  const relayedPorts = config.relayed_ports
  const server = new RelayServer({
    listen: config.listen,
    port: config.port,
    addresses,
    relayedPorts,
    permittedPeers: config.permitted_peers.flatMap((text) => parseNetwork(text) ?? []),
    limits: allocationLimits(config),
    passwordOf: stampedPasswords(stampSecret, clock),
    accountOf: (username) => accountOfUsername({ username, stampSecret }),
    serves: false,
    clock,
    random,
    logger,
    interfaces,
  })
  const webSockets = new RelayWebSockets({ attach: (stream) => server.attachStream(stream), clock })
  const listeners =
    config.websocket === undefined ? [] : [webSocketListener(config.websocket, { webSockets, clock, logger })]
  const link = new RelayLink({
    url: relayChannelUrl(config.portal_url, {
      name: config.name ?? hostname(),
      ...addresses,
      port: config.port,
      ...(config.websocket_url === undefined ? {} : { websocket_url: config.websocket_url }),
    }),
    token,
    stampSecret,
    userAgent: userAgent('relay', version),
    webSockets: createWebSockets({ caFile: config.ca_file }),
    clock,
    random,
    logger,
    serve: (serves) => server.setServing(serves),
  })
  let control: ControlSocket | undefined
  const controlPart = {
    start: async () => {
      const status = () => Promise.resolve(relayStatusOf({ server, link, addresses, relayedPorts }))
      control = await openRelaySocket(relaySocket(config), { status })
    },
    stop: () => control?.close(),
  }
  const lifecycle = new Lifecycle()
  await lifecycle.start([controlPart, server, ...listeners, link])
  logger.info({ ...addresses, port: config.port, version }, 'the relay listens')
  return { ended: link.ended, stop: () => lifecycle.stop() }
}

const webSocketListener = (
  { host, port, certificate_file, key_file }: NonNullable<RelayConfig['websocket']>,
  parts: { webSockets: RelayWebSockets; clock: Clock; logger: Logger },
): WebSocketListener => {
  const isSecured = certificate_file !== undefined && key_file !== undefined
  return new WebSocketListener({
    host,
    port,
    certificate: isSecured ? { certificate_file, key_file } : undefined,
    ...parts,
  })
}

/** Returns the addresses of the Internet on this machine's interfaces. @throws OperatorError RELAY_ADDRESS_MISSING */
const ownAddresses = (interfaces: NetworkInterfaces): string[] => {
  const found = interfaces.addresses('').flatMap(({ address }) => {
    const bytes = parseAddress(address)
    return bytes !== undefined && isOfInternet(bytes) ? [address] : []
  })
  if (found.length > 0) return found
  throw new OperatorError(
    'RELAY_ADDRESS_MISSING',
    'no interface of this machine has an address of the Internet, at which peers would reach the relay.',
    'Set `addresses`: behind a 1:1 NAT to the address outside of it, in a network of your own to the machine’s.',
  )
}
