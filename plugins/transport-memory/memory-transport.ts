import type { Random, Tunnel, TunnelKeys, TunnelOptions, TunnelTransport } from 'portreeve'
import { MemoryTunnel } from './memory-tunnel.ts'
import { publicKeyOf } from './toy-keys.ts'

/** The reference transport: keeps every promise of the contract towards whoever only uses the contract, and no secret. */
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
