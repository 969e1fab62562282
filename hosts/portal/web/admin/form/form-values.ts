/** Values of a form, by the names of its fields. */
export class FormValues {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]> | Readonly<Record<string, string | readonly string[]>>) {
    this.#values =
      values instanceof Map
        ? values
        : new Map(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]))
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Returns the value of a field; empty where it was not sent. */
  one(name: string): string {
    return this.#values.get(name)?.[0] ?? ''
  }

  /** Returns the values of a field that has several. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** Returns the lines of a field, without empty ones and without blanks at their ends. */
  lines(name: string): string[] {
    return this.one(name)
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '')
  }

  /** Returns the value of a field without blanks at its ends; null where nothing else is in it. */
  textOrNull(name: string): string | null {
    const text = this.one(name).trim()
    return text === '' ? null : text
  }

  names(): string[] {
    return [...this.#values.keys()]
  }

  /** Returns a copy with other values for some fields; undefined takes a field away. */
  with(changes: Readonly<Record<string, string | readonly string[] | undefined>>): FormValues {
    const values = new Map(this.#values)
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) values.delete(name)
      else values.set(name, typeof value === 'string' ? [value] : value)
    }
    return new FormValues(values)
  }
}
