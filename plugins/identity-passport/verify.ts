import type { Verify } from './strategy.ts'

/** Number of parameters that the default `verify` pretends to have: strategies that count give the most they have then. */
const MOST_PARAMETERS = 9

/**
 * Takes the person as the strategy describes her: the first profile with an id, else the last object. The last argument, a function,
 * is called with that.
 */
export const profileAsIs: Verify = Object.defineProperty(
  (...found: unknown[]): void => {
    const done = found.at(-1)
    if (typeof done !== 'function') throw new TypeError('the strategy calls verify without a function as its end')
    const objects = found.filter((each) => typeof each === 'object' && each !== null)
    const profile = objects.find((each) => 'id' in each) ?? objects.at(-1)
    ;(done as (error: unknown, user: unknown) => void)(null, profile ?? false)
  },
  'length',
  { value: MOST_PARAMETERS },
)

/**
 * Lets a `verify` be an async function that returns the person, or false. It keeps its number of parameters, which strategies look at. A
 * function that returns nothing calls its last argument itself.
 */
export const allowingPromises = (verify: Verify): Verify =>
  Object.defineProperty(
    (...found: unknown[]): void => {
      const done = found.at(-1) as (error: unknown, user?: unknown) => void
      const answer = verify(...found)
      if (!(answer instanceof Promise)) return
      answer.then(
        (user) => (user === undefined ? undefined : done(null, user)),
        (error: unknown) => done(error),
      )
    },
    'length',
    { value: verify.length },
  )
