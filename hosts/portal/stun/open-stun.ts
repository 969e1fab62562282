import { isIP } from 'node:net'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { RELAY_CONNECT_PATH } from '../../../core/control/relay-messages.ts'
import { OperatorError } from '../../../core/config/operator-error.ts'
import type { Random } from '../../../core/runtime/random.ts'
import { createNetworkInterfaces, loadAddon, lookUpAll } from '../../runtime/index.ts'
import { EmbeddedRelay, type EmbeddedRelayOptions } from './embedded-relay.ts'
import { EmbeddedRelayConfig } from './embedded-relay-config.ts'
import { StunAddresses } from './stun-addresses.ts'
import { StunConfig } from './stun-config.ts'
import { StunServer } from './stun-server.ts'

export interface OpenStunOptions {
  /** Setting `stun` of the configuration file; undefined if it is not there. */
  config: StunConfig | false | undefined
  /** Setting `relay` of the configuration file; undefined if it is not there. */
  relay: EmbeddedRelayConfig | false | undefined
  /** URL at which peers reach the portal. */
  publicUrl: string
  clock: Clock
  random: Random
  logger: Logger
  /** Called with the server's endpoints, whenever they have changed. */
  changed: (servers: readonly Endpoint[]) => void
  /** Registers the relay in this process. */
  register: EmbeddedRelayOptions['register']
  sourceOf: EmbeddedRelayOptions['sourceOf']
}

/** Server at the portal's STUN port, and the part that finds its addresses. */
export interface OpenedStun {
  /** Undefined where peers are told another server. */
  server: StunServer | EmbeddedRelay | undefined
  addresses: Startable
}

/**
 * Makes the portal's STUN server, which is a relay as well unless that is switched off, and the part that finds its
 * addresses. Undefined if there is to be none: it is switched off, or it is not configured and peers are on this machine
 * only.
 */
export const openStun = ({
  config,
  relay: relayConfig,
  publicUrl,
  random,
  register,
  sourceOf,
  ...ports
}: OpenStunOptions): OpenedStun | undefined => {
  const host = new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, '$1')
  if (config === false || (config === undefined && isThisMachine(host))) return undefined
  const { port, listen, advertised_addresses: advertised } = config ?? StunConfig.parse({})
  const at = { ...ports, listen, port }
  const relay =
    listen.length === 0 || relayConfig === false || !hasAddon(ports.logger)
      ? undefined
      : new EmbeddedRelay({
          ...at,
          config: relayConfig ?? EmbeddedRelayConfig.parse({}),
          random,
          interfaces: createNetworkInterfaces(),
          websocketUrl: `${publicUrl.replace(/^http/, 'ws')}${RELAY_CONNECT_PATH}`,
          sourceOf,
          register,
        })
  const changed = (servers: readonly Endpoint[]): void => {
    relay?.setServers(servers)
    ports.changed(servers)
  }
  return {
    server: relay ?? (listen.length === 0 ? undefined : new StunServer(at)),
    addresses: new StunAddresses({ ...ports, host, port, advertised, changed, lookUp: lookUpAll }),
  }
}

/** Whether this machine has the addon that a relay needs; a portal does without. */
const hasAddon = (logger: Logger): boolean => {
  try {
    loadAddon()
    return true
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    logger.warn({ code: error.code, message: error.message }, 'this portal has no relay in its own process')
    return false
  }
}

/** Whether a URL's host is the machine itself: `localhost` (RFC 6761 §6.3), loopback or unspecified. */
const isThisMachine = (host: string): boolean =>
  /(?:^|\.)localhost\.?$/i.test(host) || (isIP(host) !== 0 && /^(?:127\.|0\.0\.0\.0$|::1?$)/.test(host))
