/** Where each client was last seen, by its id: kept beyond its connection, while its grants may have to be judged anew. */
export type Whereabouts = Map<string, { remoteIp: string; userAgent: string }>
