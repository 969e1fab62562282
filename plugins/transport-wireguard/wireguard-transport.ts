import type { Random, Tunnel, TunnelKeys, TunnelOptions, TunnelTransport } from 'portreeve'
import { X25519PrivateKey, X25519_BYTES } from 'portreeve/crypto'
import { WireGuardTunnel, type WireGuardTuning } from './wireguard-tunnel.ts'

/** WireGuard in TypeScript (https://www.wireguard.com/papers/wireguard.pdf). */
export class WireGuardTransport implements TunnelTransport {
  readonly keyFormat = 'wireguard-v1'
  readonly #tuning: WireGuardTuning

  constructor(tuning: WireGuardTuning = {}) {
    this.#tuning = tuning
  }

  generateKeys(random: Random): TunnelKeys {
    const privateKey = random.bytes(X25519_BYTES)
    // Clamped as in RFC 7748 §5, since other tools store keys clamped.
    privateKey[0] = (privateKey[0] ?? 0) & 248
    privateKey[31] = ((privateKey[31] ?? 0) & 127) | 64
    return { privateKey, publicKey: this.publicKey(privateKey) }
  }

  publicKey(privateKey: Uint8Array): Uint8Array {
    return new X25519PrivateKey(privateKey).publicKey.bytes
  }

  createTunnel(options: TunnelOptions): Tunnel {
    return new WireGuardTunnel(options, this.#tuning)
  }
}
