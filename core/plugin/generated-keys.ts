import { OperatorError } from '../config/operator-error.ts'
import type { TunnelKeys, TunnelTransport } from '../contract/tunnel-transport.ts'
import type { Random } from '../runtime/random.ts'

const KEY_BYTES = 32

/**
 * Fresh keys of a tunnel transport, as copies.
 * @throws OperatorError PLUGIN_KEYS where the plugin makes none of 32 bytes
 */
export const generatedKeys = (transport: Pick<TunnelTransport, 'generateKeys'>, random: Random): TunnelKeys => {
  const { privateKey, publicKey } = transport.generateKeys(random)
  for (const key of [privateKey, publicKey] as unknown[]) {
    if (key instanceof Uint8Array && key.length === KEY_BYTES) continue
    throw new OperatorError(
      'PLUGIN_KEYS',
      'the tunnel transport made no pair of keys of 32 bytes each.',
      'Install a version of its plugin that fits.',
    )
  }
  return { privateKey: new Uint8Array(privateKey), publicKey: new Uint8Array(publicKey) }
}
