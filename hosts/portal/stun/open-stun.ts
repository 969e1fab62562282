import { isIP } from 'node:net'
import type { Clock } from '../../../core/runtime/clock.ts'
import type { Endpoint } from '../../../core/runtime/endpoint.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { lookUpAll } from '../../runtime/index.ts'
import { StunAddresses } from './stun-addresses.ts'
import { StunConfig } from './stun-config.ts'
import { StunServer } from './stun-server.ts'

export interface OpenStunOptions {
  /** Setting `stun` of the configuration file; undefined if it is not there. */
  config: StunConfig | false | undefined
  /** URL at which peers reach the portal. */
  publicUrl: string
  clock: Clock
  logger: Logger
  /** Called with the server's endpoints, whenever they have changed. */
  changed: (servers: readonly Endpoint[]) => void
}

/**
 * Makes the portal's STUN server, unless peers are told another one, and what finds its addresses. Undefined if there is
 * to be none: it is switched off, or it is not configured and peers are on this machine only.
 */
export const openStun = ({
  config,
  publicUrl,
  ...ports
}: OpenStunOptions): { server: StunServer | undefined; addresses: Startable } | undefined => {
  const host = new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, '$1')
  if (config === false || (config === undefined && isThisMachine(host))) return undefined
  const { port, listen, advertised_addresses: advertised } = config ?? StunConfig.parse({})
  return {
    server: listen.length === 0 ? undefined : new StunServer({ ...ports, listen, port }),
    addresses: new StunAddresses({ ...ports, host, port, advertised, lookUp: lookUpAll }),
  }
}

/** Whether a URL's host is the machine itself: `localhost` (RFC 6761 §6.3), loopback or unspecified. */
const isThisMachine = (host: string): boolean =>
  /(?:^|\.)localhost\.?$/i.test(host) || (isIP(host) !== 0 && /^(?:127\.|0\.0\.0\.0$|::1?$)/.test(host))
