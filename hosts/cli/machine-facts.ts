import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { runCommand } from '../runtime/process/run-command.ts'

const MAX_CHARACTERS = 32_768

/** Describes this machine's network for a bundle; what cannot be found out is null. */
export const machineFacts = async (): Promise<Record<string, unknown>> => {
  const said = (program: string, ...args: string[]): Promise<string | null> =>
    runCommand(program, args).then(
      (text) => text.slice(0, MAX_CHARACTERS),
      () => null,
    )
  const file = (path: string): Promise<string | null> =>
    readFile(path, 'utf8').then(
      (text) => text.slice(0, MAX_CHARACTERS),
      () => null,
    )
  const [os, resolv, addresses, rules, routes, routes6] = await Promise.all([
    file('/etc/os-release'),
    file('/etc/resolv.conf'),
    said('ip', '-brief', 'address'),
    said('ip', 'rule'),
    said('ip', 'route', 'show', 'table', 'all'),
    said('ip', '-6', 'route', 'show', 'table', 'all'),
  ])
  return {
    node: process.version,
    kernel: release(),
    os: os === null ? null : (/^PRETTY_NAME="?([^"\n]*)/m.exec(os)?.[1] ?? null),
    resolv_conf: resolv,
    addresses,
    rules,
    routes,
    routes_ipv6: routes6,
  }
}
