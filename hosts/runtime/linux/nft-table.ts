import { CommandError, runCommand } from '../process/run-command.ts'

/** Table of the family `inet` that belongs to a client or gateway. */
export class NftTable {
  readonly #name: string
  #script: string | undefined
  /** The table as nft lists it, right after it was written. */
  #listing: string | undefined

  constructor(name: string) {
    this.#name = name
  }

  /** Replaces the table by a script of nft. */
  async replace(script: string): Promise<void> {
    await runCommand('nft', ['-f', '-'], script)
    if (script !== this.#script) this.#listing = undefined
    this.#script = script
    // Another program may have removed the table by now: what the same script made before is listed the same.
    this.#listing = (await this.#list()) ?? this.#listing
  }

  /** Whether the table is as it was written last. */
  async isIntact(): Promise<boolean> {
    return this.#listing !== undefined && (await this.#list()) === this.#listing
  }

  async remove(): Promise<void> {
    this.#listing = undefined
    if ((await this.#list()) !== undefined) await runCommand('nft', ['delete', 'table', 'inet', this.#name])
  }

  /** Lists the table; undefined if there is none. */
  async #list(): Promise<string | undefined> {
    try {
      return await runCommand('nft', ['list', 'table', 'inet', this.#name])
    } catch (error) {
      if (error instanceof CommandError && /No such file or directory/.test(error.stderr)) return undefined
      throw error
    }
  }
}
