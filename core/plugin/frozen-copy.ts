/**
 * Copies and freezes plain data for a plugin, so that the plugin cannot change the host's own data. Arrays and plain
 * objects are copied at every depth; any other object (a Date, a Uint8Array) is passed on as it is.
 */
export const frozenCopy = <T>(value: T): T => copy(value, new Map()) as T

// Recursion is safe: stored data is bounded in depth and size, and an object that contains itself is copied once.
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
    // An assignment to a member named __proto__ would change the prototype instead.
    Object.defineProperty(members, key, { value: copy(member, seen), enumerable: true })
  }
  return Object.freeze(members)
}
