import { OperatorError } from '../../core/config/operator-error.ts'
import type { Logger } from '../../core/runtime/logger.ts'

/**
 * Checks that the tunnel sockets have the configured UDP port. If another program has it, they have another one, which
 * no firewall and no port forward knows: an error where the port is fixed, else a warning.
 * @throws OperatorError UDP_PORT_TAKEN
 */
export const checkPort = (
  ports: { ipv4?: number; ipv6?: number },
  { port, isFixed, logger }: { port: number; isFixed: boolean; logger: Pick<Logger, 'warn'> },
): void => {
  if (port === 0 || Object.values(ports).every((open) => open === port)) return
  if (isFixed) {
    throw new OperatorError(
      'UDP_PORT_TAKEN',
      `UDP port ${port}, which advertised_addresses rest on, is taken by another program.`,
      'End that program, or set another udp_port, here and where the packets are forwarded.',
    )
  }
  logger.warn({ wanted: port, ports }, 'the UDP port is taken, and another one serves: firewalls may not let it pass')
}
