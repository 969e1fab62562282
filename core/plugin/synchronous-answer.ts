/**
 * Returns a plugin's answer from a call that must answer at once. Refuses a promise, and catches its rejection, which
 * would otherwise end the process.
 * @throws Error for a promise, or any object with a method `then`
 */
export const synchronousAnswer = <T>(answer: T): T => {
  if (!isThenable(answer)) return answer
  Promise.resolve(answer).catch(() => undefined)
  throw new Error('it answered with a promise')
}

const isThenable = (answer: unknown): answer is PromiseLike<unknown> =>
  answer !== null &&
  (typeof answer === 'object' || typeof answer === 'function') &&
  typeof (answer as { then?: unknown }).then === 'function'
