import type { Random, Tunnel, TunnelKeys, TunnelOptions, TunnelTransport } from 'portreeve'
import { MemoryTunnel } from './memory-tunnel.ts'
import { publicKeyOf } from './toy-keys.ts'

/** Reference transport for tests: fulfils the contract's promises but does not encrypt. */
export class MemoryTransport implements TunnelTransport {
  generateKeys(random: Random): TunnelKeys {
    const privateKey = random.bytes(32)
    return { privateKey, publicKey: publicKeyOf(privateKey) }
  }

  publicKey(privateKey: Uint8Array): Uint8Array {
    return publicKeyOf(privateKey)
  }

  createTunnel(options: TunnelOptions): Tunnel {
    return new MemoryTunnel(options)
  }
}
