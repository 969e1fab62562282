// MTUs of the tunnel, in bytes: sizes of the IP packets inside it, before encryption.

/** Smallest MTU, which every path carries (wire §6); IPv6 requires it (RFC 8200 §5). */
export const MIN_MTU = 1_280

/**
 * Default MTU, which most paths carry: encrypted by WireGuard, such a packet has 1,468 bytes over IPv4 and 1,488 over
 * IPv6, which fit into Ethernet, even behind PPPoE (1,492).
 */
export const DEFAULT_MTU = 1_408

/** Largest MTU: encrypted, such a packet just fits into a jumbo frame of 9,000 bytes. */
export const MAX_MTU = 8_912
