import { readFileSync } from 'node:fs'
import { OperatorError } from '../../../core/config/operator-error.ts'

/** Bit of CAP_NET_ADMIN. capabilities(7) */
const NET_ADMIN = 12n

/**
 * Checks that this process may create TUN devices, routes and rules, as a client or gateway must.
 * @param status path of a process's status file (proc(5)), for tests
 * @throws OperatorError NEEDS_LINUX, NEEDS_ROOT
 */
export const needNetAdmin = (status = '/proc/self/status'): void => {
  if (process.platform !== 'linux') throw new OperatorError('NEEDS_LINUX', 'clients and gateways run on Linux.')
  if (hasNetAdmin(status)) return
  throw new OperatorError(
    'NEEDS_ROOT',
    'a TUN device and routes take root, or CAP_NET_ADMIN, which this process has not.',
    'Run it with sudo, or as a service with AmbientCapabilities=CAP_NET_ADMIN.',
  )
}

/** Whether this process may change the machine's network. `status` is as for `needNetAdmin`. */
export const hasNetAdmin = (status = '/proc/self/status'): boolean => {
  if (process.platform !== 'linux') return false
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync(status, 'utf8')) ?? []
  return effective === undefined || ((BigInt(`0x${effective}`) >> NET_ADMIN) & 1n) === 1n
}
