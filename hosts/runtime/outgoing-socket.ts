import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { createConnection, isIPv6, Socket } from 'node:net'
import { loadAddon } from './native/addon.ts'

/** Remote address of an outgoing socket. */
export interface Destination {
  address: string
  port: number
  protocol: 'udp' | 'tcp'
}

/**
 * Returns the SO_MARK that makes a socket bypass the tunnel, or undefined for an unmarked socket. Marks need
 * CAP_NET_ADMIN.
 */
export type MarkFor = (to: Destination) => number | undefined

/**
 * Opens a TCP socket and starts to connect it. Throws with a `code` if it cannot be opened. The socket has an error
 * listener from the start, as an error without a listener would end the process; add another to learn of errors.
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
  if (mark === undefined) return createConnection(to).on('error', ignoreError)
  // `manualStart`: the socket must not be read from before it is connected. Node's own TLS opens sockets this way.
  const options = { fd: loadAddon().openTcp(isIPv6(address) ? 6 : 4, mark), manualStart: true }
  return new Socket(options).on('error', ignoreError).connect(to)
}

/**
 * Opens a UDP socket of the address's family. Throws with a `code` if it cannot be opened. Has an error listener, as
 * `openStream`.
 */
export const openDatagram = ({ address, mark }: { address: string; mark: number | undefined }): DatagramSocket => {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4').on('error', ignoreError)
  if (mark !== undefined) socket.bind({ fd: loadAddon().openDatagram(isIPv6(address) ? 6 : 4, mark), exclusive: true })
  return socket
}

/** Ignores an error, so that it does not end the process. */
const ignoreError = (): void => undefined
