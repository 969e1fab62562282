import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** Finds UDP ports that nobody has at an address. Another process may take one before the caller does. */
export const freeUdpPorts = async (address: string, count: number): Promise<number[]> => {
  const sockets = Array.from({ length: count }, () => createSocket(address.includes(':') ? 'udp6' : 'udp4'))
  for (const socket of sockets) {
    socket.bind(0, address)
    await once(socket, 'listening')
  }
  const ports = sockets.map((socket) => socket.address().port)
  for (const socket of sockets) socket.close()
  return ports
}
