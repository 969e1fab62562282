/** A key that is public in every sense: the private one with its bits turned over. */
export const publicKeyOf = (privateKey: Uint8Array): Uint8Array => privateKey.map((byte) => byte ^ 0xff)
