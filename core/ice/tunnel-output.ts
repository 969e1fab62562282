import type { TunnelOutput } from '../contract/tunnel-transport.ts'
import type { TunnelPath } from '../runtime/path.ts'

const KEY_BYTES = 32
const MAX_INDEX = 0xffff_ffff
/** Most bytes of an IP packet or a UDP datagram. */
const MAX_BYTES = 0xffff

/**
 * Validates an output of a transport plugin against its contract and copies it, as a plugin's getters could return
 * something else when read again. Undefined if the output is not valid. Keys are copied, packets and datagrams are not.
 */
export const checkedTunnelOutput = (output: unknown): TunnelOutput<TunnelPath> | undefined => {
  if (typeof output !== 'object' || output === null) return undefined
  const copy: Record<string, unknown> = { ...output }
  const { keys } = copy
  if (typeof keys === 'object' && keys !== null) copy['keys'] = { ...keys }
  if (!isTunnelOutput(copy)) return undefined
  if (copy.type !== 'installKeys') return copy
  const { sendKey, receiveKey } = copy.keys
  return { ...copy, keys: { ...copy.keys, sendKey: new Uint8Array(sendKey), receiveKey: new Uint8Array(receiveKey) } }
}

/**
 * Whether an output of a transport plugin has a type and members of its contract. The contents of packets are not
 * checked.
 */
export const isTunnelOutput = (output: unknown): output is TunnelOutput<TunnelPath> => {
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

const isBytes = (bytes: unknown): boolean => bytes instanceof Uint8Array && bytes.length <= MAX_BYTES

const isIndex = (index: unknown): boolean =>
  typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX

const areKeys = (keys: unknown): boolean => {
  if (typeof keys !== 'object' || keys === null) return false
  const { index, remoteIndex, sendKey, receiveKey, expiresAt } = keys as Record<string, unknown>
  const areWhole = [sendKey, receiveKey].every((key) => key instanceof Uint8Array && key.length === KEY_BYTES)
  return isIndex(index) && isIndex(remoteIndex) && areWhole && Number.isFinite(expiresAt)
}
