import type { Namespace } from './namespace.ts'
import { fetchPage } from './page.ts'

/** Timeout of a request; long, as a busy machine is slow. */
const TIMEOUT_MS = 60_000

/** Object of the API. */
export interface ApiObject {
  id: string
  [field: string]: unknown
}

/** Client of the portal's REST API, on a machine of the lab, with an admin's token. */
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

  /** Reads the object `collection/id`. */
  get(path: string): Promise<unknown> {
    return this.#send('GET', path)
  }

  /** Changes fields of the object `collection/id`. */
  patch(path: string, body: object): Promise<unknown> {
    return this.#send('PATCH', path, body)
  }

  /** Replaces a part of an object, such as `groups/{id}/memberships`. */
  put(path: string, body: object): Promise<unknown> {
    return this.#send('PUT', path, body)
  }

  remove(path: string): Promise<unknown> {
    return this.#send('DELETE', `${path}?cascade=true`)
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
