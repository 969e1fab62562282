import { once } from 'node:events'
import { createServer } from 'node:net'

/** Finds a TCP port that nobody listens on at an address. Another process may take it before the caller does. */
export const freePort = async (address: string): Promise<number> => {
  const server = createServer().listen(0, address)
  await once(server, 'listening')
  const found = server.address()
  server.close()
  await once(server, 'close')
  if (typeof found !== 'object' || found === null) throw new Error(`no port at ${address}`)
  return found.port
}
