import { getSystemErrorName } from 'node:util'

/** Counts what the kernel refused, by the error's name. */
export class DropCounter {
  readonly #counts = new Map<string, number>()

  count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1)
  }

  /** Zero is no error and counts nothing. */
  countErrno(errno: number): void {
    if (errno !== 0) this.count(getSystemErrorName(-errno))
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}
