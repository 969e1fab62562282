import type { TunnelOutput } from '../contract/tunnel-transport.ts'
import type { Endpoint } from '../runtime/endpoint.ts'

const KEY_BYTES = 32

/**
 * Validates an output of a transport plugin against its contract and copies it, as a plugin's getters could return
 * something else when read again. Undefined if the output is not valid. Bytes are not copied.
 */
export const checkedTunnelOutput = (output: unknown): TunnelOutput<Endpoint> | undefined => {
  if (typeof output !== 'object' || output === null) return undefined
  const copy: Record<string, unknown> = { ...output }
  const { keys } = copy
  if (typeof keys === 'object' && keys !== null) copy['keys'] = { ...keys }
  return isTunnelOutput(copy) ? copy : undefined
}

/**
 * Whether an output of a transport plugin has a type and members of its contract. The contents of packets are not
 * checked.
 */
export const isTunnelOutput = (output: unknown): output is TunnelOutput<Endpoint> => {
  if (typeof output !== 'object' || output === null) return false
  const { type, peer, path, index, packet, datagram, keys } = output as Record<string, unknown>
  if (typeof peer !== 'string')
    return type === 'sendDatagram' && peer === undefined && isPath(path) && isBytes(datagram)
  switch (type) {
    case 'sendDatagram':
      return isPath(path) && isBytes(datagram)
    case 'deliverPacket':
      return isPath(path) && isBytes(packet)
    case 'sessionEstablished':
    case 'peerUnresponsive':
      return true
    case 'installKeys':
      return areKeys(keys)
    case 'removeKeys':
      return isIndex(index)
    case 'useKeys':
      return (index === undefined || isIndex(index)) && (path === undefined || isPath(path))
    case 'sealPacket':
      return isBytes(packet)
    default:
      return false
  }
}

const isPath = (path: unknown): boolean => typeof path === 'string'

const isBytes = (bytes: unknown): boolean => bytes instanceof Uint8Array

const isIndex = (index: unknown): boolean => Number.isInteger(index)

const areKeys = (keys: unknown): boolean => {
  if (typeof keys !== 'object' || keys === null) return false
  const { index, remoteIndex, sendKey, receiveKey, expiresAt } = keys as Record<string, unknown>
  const areWhole = [sendKey, receiveKey].every((key) => key instanceof Uint8Array && key.length === KEY_BYTES)
  return isIndex(index) && isIndex(remoteIndex) && areWhole && typeof expiresAt === 'number'
}
