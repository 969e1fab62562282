/** Returns the text by which people know a row: its name, description or subject; empty if it has none. */
export const rowName = (row: object | undefined): string => {
  const { name, description, subject } = (row ?? {}) as { name?: string; description?: string | null; subject?: string }
  return name ?? description ?? subject ?? ''
}
