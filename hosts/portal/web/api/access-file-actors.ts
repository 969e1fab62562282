import { foldedEmail } from '../../text/email-address.ts'
import type { WireRow } from './access-file-body.ts'

/** Outcome of a search for the actor that a text names. */
export type FoundActor = { id: string } | { problem: string }

/** Actors of an account by the texts that name them in an access file. */
export class NamedActors {
  readonly #ids = new Set<string>()
  readonly #byEmail = new Index()
  /** Names of those without an e-mail address, such as service accounts. */
  readonly #byBareName = new Index()
  readonly #byName = new Index()

  constructor(actors: Iterable<WireRow>) {
    for (const { id, email, name } of actors) {
      this.#ids.add(id)
      if (typeof email === 'string') this.#byEmail.add(email, id)
      if (email === null) this.#byBareName.add(String(name), id)
      this.#byName.add(fold(String(name)), id)
    }
  }

  /**
   * Finds an actor by id, else by e-mail address, else the one without an address by name, else anybody by name in any case;
   * each only if it is unique.
   */
  find(text: string): FoundActor {
    const wanted = text.trim()
    const email = foldedEmail(wanted)
    const ids = [
      this.#ids.has(wanted.toLowerCase()) ? [wanted.toLowerCase()] : [],
      email === undefined ? [] : this.#byEmail.get(email),
      this.#byBareName.get(wanted),
      this.#byName.get(fold(wanted)),
    ].find(({ length }) => length > 0)
    const [id] = ids ?? []
    if (id === undefined) return { problem: `there is no actor ${wanted}` }
    if (ids?.length === 1) return { id }
    return { problem: `several actors are called ${wanted}: write the e-mail address or the id` }
  }

  /** Returns the text that names an actor: e-mail address or name, or the id where these are not enough. */
  nameOf({ id, email, name }: WireRow): string {
    const texts = [email, name].filter((text) => typeof text === 'string')
    const text = texts.find((each) => {
      const found = this.find(each)
      return 'id' in found && found.id === id
    })
    return text ?? id
  }
}

class Index {
  readonly #ids = new Map<string, string[]>()

  add(key: string, id: string): void {
    const ids = this.#ids.get(key)
    if (ids === undefined) this.#ids.set(key, [id])
    else ids.push(id)
  }

  get(key: string): readonly string[] {
    return this.#ids.get(key) ?? []
  }
}

const fold = (text: string): string => text.normalize('NFC').toLowerCase()
