import { parseAddress } from './ip-address.ts'
import { whyNeverAServer } from './never-a-server.ts'

/**
 * Returns the place of a text in a resolver's settings that names a server on the machine itself: a loopback address, with
 * or without a port, or a URL with such a host. Undefined if there is none. The machine's own configuration may name one;
 * an account must not, as it would reach services of each client's machine.
 */
export const ownMachineIn = (settings: unknown): readonly PropertyKey[] | undefined => {
  // A loop and no recursion, as what a portal sends may be nested deeper than the stack.
  const left: { path: readonly PropertyKey[]; value: unknown }[] = [{ path: [], value: settings }]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path, value } = next
    if (typeof value === 'string' && isOwnMachine(value)) return path
    if (typeof value !== 'object' || value === null) continue
    for (const [key, member] of Object.entries(value)) left.push({ path: [...path, key], value: member })
  }
  return undefined
}

/** Whether a text is the address, the name or the URL of a server on the machine itself. */
const isOwnMachine = (text: string): boolean => {
  // `URL` normalizes addresses: `0x7f.1` becomes 127.0.0.1.
  const host = text.includes('://') && URL.canParse(text) ? new URL(text).hostname : text.replace(PORT, '')
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (/(?:^|\.)localhost\.?$/.test(name)) return true
  const address = parseAddress(name)
  return address !== undefined && whyNeverAServer(address) === 'loopback'
}

/** Port behind an IPv4 address, a name, or an IPv6 address in brackets. */
const PORT = /(?<=^[^:]*|\]):\d{1,5}$/
