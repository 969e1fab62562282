import { parseAddress } from '../../../core/net/ip-address.ts'
import { parsePrefix, prefixContains, type Prefix } from '../../../core/net/prefix.ts'
import { splitEndpoint } from '../../../core/runtime/endpoint.ts'
import { CommandError, runCommand } from '../process/run-command.ts'

/** Open TCP connection of a process on this machine: its endpoints as `ss` prints them. */
interface OpenConnection {
  local: string
  remote: string
}

/** Connections that are over: those from one of the addresses `from` to `gone`, as far as `kept` does not cover it. */
export interface EndedRoutes {
  /** Addresses of the tunnel device, without prefix length. */
  from: readonly string[]
  /** Prefixes, with their length, that are routed into the tunnel no longer. */
  gone: readonly string[]
  /** Prefixes that still are. */
  kept: readonly string[]
}

/** Most connections that one command ends. */
const AT_ONCE = 50

/**
 * Ends TCP connections whose routes into the tunnel are gone, by the kernel (SOCK_DESTROY), so that their applications
 * hear of it at once: an idle one would wait until it sends, or for ever. Returns their number. Does nothing where `ss` is
 * missing, or the kernel cannot (CONFIG_INET_DIAG_DESTROY): the next packet of each is answered with a reset then.
 */
export const endConnections = async (ended: EndedRoutes): Promise<number> => {
  if (ended.gone.length === 0 || ended.from.length === 0) return 0
  try {
    const over = connectionsIn(await runCommand('ss', ['-Htn'])).filter((each) => isOver(each, ended))
    let count = 0
    for (let at = 0; at < over.length; at += AT_ONCE) {
      const which = over
        .slice(at, at + AT_ONCE)
        .map(({ local, remote }) => ['(', 'src', local, 'and', 'dst', remote, ')'])
        .flatMap((words, index) => (index === 0 ? words : ['or', ...words]))
      // `ss` prints those that it has ended.
      count += connectionsIn(await runCommand('ss', ['-HKtn', ...which])).length
    }
    return count
  } catch (error) {
    if (error instanceof CommandError) return 0
    throw error
  }
}

/** Reads the output of `ss -Htn`: state, two lengths of queues, and both endpoints. */
const connectionsIn = (text: string): OpenConnection[] =>
  text.split('\n').flatMap((line) => {
    const [, , , local, remote] = line.trim().split(/\s+/)
    return local === undefined || remote === undefined ? [] : [{ local, remote }]
  })

const isOver = ({ local, remote }: OpenConnection, { from, gone, kept }: EndedRoutes): boolean => {
  const to = parseAddress(splitEndpoint(remote)?.address ?? '')
  if (to === undefined || !from.includes(splitEndpoint(local)?.address ?? '')) return false
  const covers = (texts: readonly string[]) => prefixesIn(texts).some((prefix) => prefixContains(prefix, to))
  return covers(gone) && !covers(kept)
}

const prefixesIn = (texts: readonly string[]): Prefix[] => texts.flatMap((text) => parsePrefix(text) ?? [])
