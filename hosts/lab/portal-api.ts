import type { Namespace } from './namespace.ts'
import { fetchPage } from './page.ts'

/** Generous: a busy machine answers late. */
const TIMEOUT_MS = 60_000

/** What every object of the API has. */
export interface ApiObject {
  id: string
  [field: string]: unknown
}

/** The portal's REST API, used from a machine of the lab as an admin's script would. */
export class PortalApi {
  readonly #machine: Namespace
  readonly #url: string
  readonly #token: string

  constructor({ machine, url, token }: { machine: Namespace; url: string; token: string }) {
    this.#machine = machine
    this.#url = `${url}/api/v1`
    this.#token = token
  }

  create(collection: string, body: object): Promise<ApiObject> {
    return this.#send<ApiObject>('POST', collection, body)
  }

  async list(collection: string): Promise<ApiObject[]> {
    const { data } = await this.#send<{ data: ApiObject[] }>('GET', collection)
    return data
  }

  /** One object: `collection/id`. */
  get(path: string): Promise<unknown> {
    return this.#send('GET', path)
  }

  /** Changes fields of `collection/id`. */
  patch(path: string, body: object): Promise<unknown> {
    return this.#send('PATCH', path, body)
  }

  /** For what is not a collection: `groups/{id}/memberships`. */
  put(path: string, body: object): Promise<unknown> {
    return this.#send('PUT', path, body)
  }

  remove(path: string): Promise<unknown> {
    return this.#send('DELETE', path)
  }

  async #send<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetchPage(this.#machine, `${this.#url}/${path}`, {
      method,
      timeoutMs: TIMEOUT_MS,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.reason}`)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
    return (answer.body === '' ? undefined : JSON.parse(answer.body)) as T
  }
}
