/**
 * Router options: paths match letter by letter. If a route had several spellings, every other check of a path, such as
 * a limit or a proxy's rule, would have to know them all.
 */
export const EXACT_ROUTES = { sensitive: true, strict: true } as const
