// Resolves modules for Node.js releases without `registerHooks`, on the thread that these keep for it.

/** Data that the hook is registered with. */
export interface HostPackagesHook {
  /** URL of a module of this package. */
  readonly self: string
}

/** Whether a module name leads to this package's own: always, where the importing module finds no other, or never. */
export const isOfHost = (specifier: string): 'always' | 'otherwise' | 'never' => {
  const name = specifier.split('/', 1)[0]
  return name === 'portreeve' ? 'always' : name === 'zod' ? 'otherwise' : 'never'
}

let self = ''

/** Called by Node.js when the hook is registered. */
export const initialize = (data: HostPackagesHook): void => {
  self = data.self
}

/** Called by Node.js for each `import`. */
export const resolve = async (
  specifier: string,
  context: { parentURL?: string },
  next: (specifier: string, context: object) => Promise<object>,
): Promise<object> => {
  const whose = isOfHost(specifier)
  const asked = { ...context, parentURL: self }
  if (whose === 'always') return next(specifier, asked)
  if (whose === 'never') return next(specifier, context)
  return next(specifier, context).catch(() => next(specifier, asked))
}
