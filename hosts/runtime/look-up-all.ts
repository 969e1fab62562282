import { lookup } from 'node:dns/promises'

/**
 * Returns all addresses of a host in the order of the system's resolver; an address is returned as it is. Rejects with
 * the system's code.
 */
export const lookUpAll = async (host: string): Promise<string[]> => {
  const found = await lookup(host.replace(/^\[(.*)\]$/, '$1'), { all: true, verbatim: true })
  return found.map(({ address }) => address)
}
