import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { createConnection, isIPv6, Socket } from 'node:net'
import { loadAddon } from './native/addon.ts'

/** The other end of a socket. */
export interface Destination {
  address: string
  port: number
  protocol: 'udp' | 'tcp'
}

/** The SO_MARK of a socket, by which it bypasses the tunnel; undefined for none. Marks need CAP_NET_ADMIN. */
export type MarkFor = (to: Destination) => number | undefined

/**
 * A TCP socket that is connecting. Throws with a `code` where there can be none. Its errors are heard from the first moment to the last,
 * whoever takes it over and whenever: one that nobody hears would end the process.
 */
export const openStream = ({
  address,
  port,
  mark,
}: {
  address: string
  port: number
  mark: number | undefined
}): Socket => {
  const to = { host: address, port, noDelay: true }
  if (mark === undefined) return createConnection(to).on('error', unheard)
  // `manualStart`: it must not be read from before it is connected. Node's own TLS opens sockets in this way.
  const options = { fd: loadAddon().openTcp(isIPv6(address) ? 6 : 4, mark), manualStart: true }
  return new Socket(options).on('error', unheard).connect(to)
}

/** A UDP socket of the address's family. Throws with a `code` where there can be none. Its errors are heard, as a stream's are. */
export const openDatagram = ({ address, mark }: { address: string; mark: number | undefined }): DatagramSocket => {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4').on('error', unheard)
  if (mark !== undefined) socket.bind({ fd: loadAddon().openDatagram(isIPv6(address) ? 6 : 4, mark), exclusive: true })
  return socket
}

/** Hears an error that nobody else does; who has to know of it listens, too. */
const unheard = (): void => undefined
