/**
 * Last known address and user agent of each client, by id; kept after its connection ends, because its grants may be
 * judged again.
 */
export type Whereabouts = Map<string, { remoteIp: string; userAgent: string }>
