/** Strategy of Passport: an object whose `authenticate` reports by one of five functions on itself. */
export interface Strategy {
  readonly authenticate: (request: object, options: object) => unknown
}

/** Class of a strategy. The constructor takes options, if there are any, and a function `verify`. */
export type StrategyClass = new (...parts: unknown[]) => Strategy

/** Function that a strategy calls with what it has found out; the last argument is to be called with the person. */
export type Verify = (...found: unknown[]) => unknown

/** Report of a strategy. */
export type Outcome =
  | { type: 'success'; user: unknown }
  | { type: 'fail'; challenge: unknown }
  | { type: 'redirect'; url: string }
  | { type: 'pass' }
  | { type: 'error'; error: unknown }

/** Makes the members of a strategy that are replaced for one call, which fails by `failed`. */
export type StandsFor = (failed: (error: unknown) => void) => Readonly<Record<string, unknown>>

/**
 * Calls a strategy once, and resolves with its first report; an error of the strategy is a report, too. The strategy is an object made
 * for this call, as Passport itself does it, so that simultaneous calls do not meet. Never rejects.
 */
export const runStrategy = async (
  strategy: Strategy,
  {
    request,
    options,
    standsFor,
    signal,
  }: { request: object; options: object; standsFor: StandsFor; signal: AbortSignal },
): Promise<Outcome> =>
  new Promise((resolve) => {
    const report = (outcome: Outcome): void => {
      signal.removeEventListener('abort', givenUp)
      resolve(outcome)
    }
    const failed = (error: unknown): void => report({ type: 'error', error })
    const givenUp = (): void => failed(new Error('the strategy took too long'))
    signal.addEventListener('abort', givenUp)
    const called = Object.assign(Object.create(strategy) as Strategy, standsFor(failed), {
      success: (user: unknown) => report({ type: 'success', user }),
      fail: (challenge: unknown) => report({ type: 'fail', challenge }),
      redirect: (url: unknown) => report({ type: 'redirect', url: String(url) }),
      pass: () => report({ type: 'pass' }),
      error: failed,
    })
    // An async function, as a strategy may throw, and may answer with a promise that rejects.
    void (async () => called.authenticate(request, options))().catch(failed)
  })
