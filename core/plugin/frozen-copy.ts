/**
 * Copy of plain data that nobody can change, for a plugin that is somebody else's code: what it does to what it is handed must not be felt by
 * whoever handed it. Arrays and plain objects are copied to whatever depth; anything else (a Date, a Uint8Array) is handed on as it is.
 */
export const frozenCopy = <T>(value: T): T => copy(value, new Map()) as T

// The depth and the number of what comes here are bounded by whoever stored it; a value that contains itself is copied once.
const copy = (value: unknown, seen: Map<unknown, unknown>): unknown => {
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const items: unknown[] = []
    seen.set(value, items)
    for (const item of value as unknown[]) items.push(copy(item, seen))
    return Object.freeze(items)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const members = Object.create(prototype) as Record<string, unknown>
  seen.set(value, members)
  for (const [key, member] of Object.entries(value)) {
    // A member called __proto__ is one like any other.
    Object.defineProperty(members, key, { value: copy(member, seen), enumerable: true })
  }
  return Object.freeze(members)
}
