import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { KeptNames, NO_KEPT_NAMES } from '../../../core/dns/kept-names.ts'
import { MAPPED_GROUPS } from '../../../core/dns/mapped-addresses.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import { integerBelow, type Random } from '../../../core/runtime/random.ts'

/** File `names` of a client's state folder (mode 0600), which keeps names with their mapped addresses. */
export class KeptNamesFile {
  readonly #path: string
  readonly #logger: Logger
  #latest: KeptNames | undefined
  #writing: Promise<void> | undefined

  constructor({ folder, logger }: { folder: string; logger: Logger }) {
    this.#path = join(folder, 'names')
    this.#logger = logger
  }

  /** Reads the names; none if there is no file. Where it cannot be read, addresses begin at a place of their own. */
  async read(random: Random): Promise<KeptNames> {
    try {
      return KeptNames.parse(JSON.parse(await readFile(this.#path, 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NO_KEPT_NAMES
      this.#logger.warn({ file: this.#path }, 'the names of earlier runs cannot be read: their addresses are new ones')
      return { ...NO_KEPT_NAMES, next: integerBelow(random, MAPPED_GROUPS) }
    }
  }

  /** Replaces the file atomically, soon. Logs a failure. */
  write(kept: KeptNames): void {
    this.#latest = kept
    this.#writing ??= this.#writeAll().finally(() => (this.#writing = undefined))
  }

  /** Resolves once all is written. */
  async settled(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    for (let kept = this.#latest; kept !== undefined; kept = this.#latest) {
      this.#latest = undefined
      try {
        await replace(this.#path, JSON.stringify(kept))
      } catch (error) {
        this.#logger.warn({ error }, 'the names that have addresses cannot be kept for the next start')
      }
    }
  }
}

const replace = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}
