// Sizes of the packets inside of the tunnel, in bytes with their IP header.

/** What goes over every path (wire §6); IPv6 asks for no less (RFC 8200 §5). */
export const LEAST_MTU = 1_280

/**
 * What goes over most paths: sealed by WireGuard it is 1,468 bytes over IPv4 and 1,488 over IPv6, which an Ethernet carries, and one behind PPPoE
 * (1,492), too.
 */
export const DEFAULT_MTU = 1_408

/** Sealed, it just fits into an Ethernet's jumbo frame of 9,000 bytes. */
export const MOST_MTU = 8_912
