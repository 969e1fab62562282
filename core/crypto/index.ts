// `portreeve/crypto`: primitives for authors of tunnel transports and relay providers. Nothing else of this folder is promised.
export { X25519PrivateKey, X25519PublicKey, X25519_BYTES } from './x25519.ts'
export { ChaCha20Poly1305, TAG_BYTES, type Sealing } from './chacha20-poly1305.ts'
export { xchachaSeal, xchachaOpen, type XSealing } from './xchacha20-poly1305.ts'
export { blake2s, keyedBlake2s128, hkdfBlake2s } from './blake2s.ts'
export { tai64n, isLater, successor, TAI64N_BYTES } from './tai64n.ts'
export { equalSecrets } from './equal-secrets.ts'
export { coturnPassword, saltWithAccount, stampedRelayPassword } from './relay-credentials.ts'
export { hashedUuid } from './hashed-uuid.ts'
