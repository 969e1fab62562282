import { lookup } from 'node:dns/promises'

/** Addresses of a host as the system finds them, in its order; of an address, itself. Rejects with the system's code. */
export const lookUpAll = async (host: string): Promise<string[]> => {
  const found = await lookup(host.replace(/^\[(.*)\]$/, '$1'), { all: true, verbatim: true })
  return found.map(({ address }) => address)
}
