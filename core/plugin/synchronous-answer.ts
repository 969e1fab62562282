/**
 * What a plugin answered where nobody waits for it. A promise is no answer, and its rejection, which nobody would catch, would end the
 * process.
 * @throws Error for a promise, or anything like one
 */
export const synchronousAnswer = <T>(answer: T): T => {
  if (!isThenable(answer)) return answer
  Promise.resolve(answer).catch(() => undefined) // what it comes to is of no interest
  throw new Error('it answered with a promise')
}

const isThenable = (answer: unknown): answer is PromiseLike<unknown> =>
  answer !== null &&
  (typeof answer === 'object' || typeof answer === 'function') &&
  typeof (answer as { then?: unknown }).then === 'function'
