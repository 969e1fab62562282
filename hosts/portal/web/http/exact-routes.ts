/**
 * Options for every router: an address is matched as it is written, letter by letter. With other spellings of one route, whatever else looks
 * at a path (a limit, a proxy's rule) would have to know them all.
 */
export const EXACT_ROUTES = { sensitive: true, strict: true } as const
