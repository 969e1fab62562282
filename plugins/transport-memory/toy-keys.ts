/** Returns the public key of a private one: its bits inverted, so that it protects nothing. */
export const publicKeyOf = (privateKey: Uint8Array): Uint8Array => privateKey.map((byte) => byte ^ 0xff)
