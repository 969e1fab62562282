/** Most values that are looked at in one answer. */
const MAX_VALUES = 100_000

/**
 * Handles the rejections of promises that a plugin's answer holds, at whatever depth, where no contract has one: nobody waits for
 * them, and a rejection that nobody handles ends the process. Never throws.
 */
export const catchPromises = (answer: unknown): void => {
  if (!isObject(answer)) return
  const seen = new Set<object>([answer])
  // A set is walked in the order in which it grows.
  for (const value of seen) {
    try {
      if (typeof (value as { then?: unknown }).then === 'function') {
        Promise.resolve(value).catch(() => undefined)
        continue
      }
      if (ArrayBuffer.isView(value)) continue
      for (const member of Object.values(value)) {
        if (isObject(member) && seen.size < MAX_VALUES) seen.add(member)
      }
    } catch {
      // A getter of the plugin threw: behind it is nothing that could be handled.
    }
  }
}

const isObject = (value: unknown): value is object =>
  value !== null && (typeof value === 'object' || typeof value === 'function')

/**
 * Reads members of a plugin's answer, each of them once, as a getter could return something else the second time; handles
 * the rejections of promises among all members. All are undefined if the answer is no object.
 */
export const readAnswer = <Name extends string>(answer: unknown, names: readonly Name[]): Record<Name, unknown> => {
  const read = {} as Record<Name, unknown>
  for (const name of names) read[name] = (answer as Partial<Record<Name, unknown>> | null | undefined)?.[name]
  catchStray(answer, read)
  return read
}

/**
 * Handles the rejections of promises in an answer of which the members `read` have been read. As a rule there are no
 * other members, and none is an object.
 */
export const catchStray = (answer: unknown, read: Readonly<Record<string, unknown>>): void => {
  for (const name in read) if (isObject(read[name])) catchPromises(read[name])
  if (!isObject(answer)) return
  for (const name in answer) if (!Object.hasOwn(read, name)) catchPromises((answer as Record<string, unknown>)[name])
}
