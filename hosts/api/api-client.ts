import type { HttpClient, HttpResponse } from '../../core/runtime/http-client.ts'
import { Secret } from '../../core/runtime/secret.ts'
import { ApiError, foreignAnswer, type ApiProblem } from './api-error.ts'
import { CREATIONS } from './operations.ts'
import type { AnswerOf, InputOf, ListName, OperationName, RowOf } from './operation-types.ts'

const TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 32 * 1_048_576
/** Longest wait that a portal may ask for with 429 and get. */
const MAX_WAIT_SECONDS = 30

/** Portal, token and connection of a client of the API. */
export interface ApiClientOptions {
  /** Address of the portal, such as https://portal.example.org. */
  url: string
  /** API token. */
  token: string | Secret | undefined
  /** HTTP client, such as the one that a portal gives to plugins; Node's `fetch` by default. */
  http?: HttpClient
  /** Waits for some seconds, where the portal asks to come back later; a timer by default. */
  wait?: (seconds: number) => Promise<void>
}

/** Answer of an operation with its headers that matter to callers. */
export interface Answered<Name extends OperationName> {
  status: number
  body: AnswerOf<Name>
  /** Version of the row or list, for `ifMatch`. */
  etag: string | undefined
}

/**
 * Client of a portal's REST API, typed by the API's own description. A creation has a key by which it is done once, so it
 * is sent again where the connection broke, as a question is.
 */
export class ApiClient {
  readonly #base: string
  readonly #token: Secret
  readonly #http: HttpClient
  readonly #wait: (seconds: number) => Promise<void>

  constructor({ url, token, http = fetching, wait = waiting }: ApiClientOptions) {
    this.#base = `${url.replace(/\/+$/, '')}/api/v1`
    this.#token = typeof token === 'string' ? new Secret(token) : (token ?? new Secret(''))
    this.#http = http
    this.#wait = wait
  }

  /** Carries out an operation and returns its answer. @throws ApiError if the portal refuses */
  async call<Name extends OperationName>(
    name: Name,
    ...[input]: Partial<InputOf<Name>> extends InputOf<Name> ? [InputOf<Name>?] : [InputOf<Name>]
  ): Promise<AnswerOf<Name>> {
    return (await this.send(name, (input ?? {}) as InputOf<Name>)).body
  }

  /** Carries out an operation and returns its answer with status and version. @throws ApiError if the portal refuses */
  async send<Name extends OperationName>(name: Name, input: InputOf<Name>): Promise<Answered<Name>> {
    const answer = await this.sendUntyped(name, input)
    return answer as Answered<Name>
  }

  /** Goes through all rows of a list, page by page. @throws ApiError if the portal refuses */
  async *all<Name extends ListName>(
    name: Name,
    ...[input]: Partial<InputOf<Name>> extends InputOf<Name> ? [InputOf<Name>?] : [InputOf<Name>]
  ): AsyncGenerator<RowOf<Name>, void> {
    yield* this.allUntyped(name, input ?? {}) as AsyncGenerator<RowOf<Name>, void>
  }

  /** Goes through a list as `all` does, for names that are known at run time only. */
  async *allUntyped(name: string, input: UntypedInput): AsyncGenerator<unknown, void> {
    for (let cursor: string | undefined; ;) {
      const query = { limit: 100, ...input.query, ...(cursor === undefined ? {} : { cursor }) }
      const { body } = await this.sendUntyped(name, { ...input, query })
      const { data, next_cursor: next } = body as { data: readonly unknown[]; next_cursor: string | null }
      yield* data
      if (next === null) return
      cursor = next
    }
  }

  /** Carries out an operation as `send` does, for names that are known at run time only. */
  async sendUntyped(
    name: string,
    input: UntypedInput,
  ): Promise<{ status: number; body: unknown; etag: string | undefined }> {
    const [method = 'GET', path = ''] = name.split(' ')
    const isCreation = CREATIONS.has(name)
    const key = input.idempotencyKey ?? (isCreation ? crypto.randomUUID() : undefined)
    const request = {
      method,
      url: `${this.#base}${filled(path, input.path ?? {})}${queryText(input.query ?? {})}`,
      headers: {
        authorization: `Bearer ${this.#token.reveal()}`,
        accept: 'application/json',
        ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': `"${key}"` }),
        ...(input.ifMatch === undefined ? {} : { 'if-match': input.ifMatch }),
      },
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      ...(input.signal === undefined ? {} : { signal: input.signal }),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    }
    const isRepeatable = method === 'GET' || isCreation
    const send = async (): Promise<HttpResponse> => this.#http.send(request)
    const answer = await send().catch((error: unknown) => {
      if (isRepeatable && isBrokenConnection(error)) return send()
      throw error
    })
    const waitSeconds = Number(answer.headers['retry-after'])
    if (answer.status === 429 && waitSeconds > 0 && waitSeconds <= MAX_WAIT_SECONDS) {
      await this.#wait(waitSeconds)
      return answerOf(await send())
    }
    return answerOf(answer)
  }
}

/** Input of an operation whose name is known at run time only. */
export interface UntypedInput {
  path?: Readonly<Record<string, string>> | undefined
  query?: Readonly<Record<string, unknown>> | undefined
  body?: unknown
  ifMatch?: string | undefined
  idempotencyKey?: string | undefined
  signal?: AbortSignal | undefined
}

const filled = (path: string, values: Readonly<Record<string, string>>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''))

const queryText = (query: Readonly<Record<string, unknown>>): string => {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]): [string, string] => [name, Array.isArray(value) ? value.join(',') : String(value)])
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`
}

const answerOf = ({
  status,
  headers,
  body: bytes,
}: HttpResponse): { status: number; body: unknown; etag: string | undefined } => {
  const text = new TextDecoder().decode(bytes)
  const body = parsed(text)
  if (status >= 200 && status < 300 && (body !== undefined || text === ''))
    return { status, body, etag: headers['etag'] }
  const { code, detail } = (body ?? {}) as Partial<ApiProblem>
  if (code === undefined || detail === undefined) throw foreignAnswer(status, text)
  const seconds = Number(headers['retry-after'])
  throw new ApiError(body as ApiProblem, Number.isFinite(seconds) ? seconds : undefined)
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const isBrokenConnection = (error: unknown): boolean => {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } }
  return [code, cause?.code].some((each) => each === 'ECONNRESET' || each === 'EPIPE' || each === 'UND_ERR_SOCKET')
}

const waiting = async (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1_000)
  })

/** HTTP by Node's `fetch`, which trusts the system's authorities and those of NODE_EXTRA_CA_CERTS. */
const fetching: HttpClient = {
  send: async ({ method, url, headers, body, timeoutMs, signal }) => {
    const limits = [AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.any(limits),
      ...(body === undefined ? {} : { body: body as string }),
    })
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: new Uint8Array(await response.arrayBuffer()),
    }
  },
}
