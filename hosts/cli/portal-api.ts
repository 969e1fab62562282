import type { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { problemOfFailure, problemOfRefusal, problemText } from '../../core/control/portal-problem.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../core/runtime/http-client.ts'
import type { WebSocketStep } from '../../core/runtime/web-socket.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import type { ApiClient, ApiError, ApiProblem } from '../api/index.ts'
import { needTokenFile } from '../runtime/token-file.ts'
import type { CommandContext } from './context.ts'
import { takeToken } from './read-config.ts'

/** Options common to all commands that use a portal's API. */
export interface ApiOptions {
  portal?: string
  tokenFile?: string
  caFile?: string
  json?: true
}

/** Adds the options of `ApiOptions` to a command. */
export const withApiOptions = (command: Command): Command =>
  command
    .option('--portal <url>', 'the portal; PORTREEVE_PORTAL_URL by default, else that of `portreeve login`')
    .option('--token-file <file>', 'a file of mode 0600 with an API token; PORTREEVE_TOKEN goes before it')
    .option('--ca-file <file>', 'authorities (PEM) for the portal’s certificate, beside those that the system trusts')
    .option('--json', 'print one JSON document')

const MAX_ANSWER_BYTES = 32 * 1_048_576

/**
 * Sends one request to the portal's API and returns the JSON answer.
 * @throws OperatorError as `openPortal` and `asking`
 */
export const askPortal = async (
  request: { method: 'GET' | 'POST'; path: string; body?: unknown },
  options: ApiOptions,
  context: Pick<CommandContext, 'env'>,
): Promise<unknown> => {
  const api = await openPortal(options, context)
  const { method, path, body } = request
  return (await asking(() => api.sendUntyped(`${method} ${path}`, { body }))).body
}

/**
 * Returns a client of the portal's API that the options, the environment or the last login name, with the token of
 * PORTREEVE_TOKEN, of a token file, or of the login there.
 * @throws OperatorError CONFIG_PORTAL_URL, TOKEN_MISSING, SECRET_FILE_…, CA_FILE_…, PROXY_INVALID
 */
export const openPortal = async (
  { portal, tokenFile, caFile }: ApiOptions,
  { env }: Pick<CommandContext, 'env'>,
): Promise<ApiClient> => {
  const { Logins } = await import('./logins.ts')
  const logins = new Logins(env)
  const given = portal ?? (env['PORTREEVE_PORTAL_URL'] || undefined)
  const login = await logins.find(given === undefined ? undefined : portalUrl(given))
  const url = login?.url ?? portalUrl(given)
  const stored = async (): Promise<Secret | undefined> => (login === undefined ? undefined : logins.tokenOf(login))
  const token = takeToken(env) ?? (await (tokenFile === undefined ? stored() : needTokenFile(tokenFile)))
  if (token === undefined) {
    throw new OperatorError(
      'TOKEN_MISSING',
      `there is no API token for ${url}.`,
      `Run: portreeve login ${url}. Or set PORTREEVE_TOKEN, or name a 0600 file by --token-file.`,
    )
  }
  return clientOf({ url, token, caFile: caFile ?? login?.caFile })
}

/** Returns a client of a portal's API. */
export const clientOf = async ({
  url,
  token,
  caFile,
}: {
  url: string
  token: Secret
  caFile?: string | undefined
}): Promise<ApiClient> => {
  const [{ ApiClient }, http] = [await import('../api/index.ts'), await httpClient(caFile)]
  return new ApiClient({
    url,
    token,
    http: {
      send: async (request) => {
        const answer = await http.send(request)
        const { detail } = (parse(answer.body) ?? {}) as { detail?: string }
        if (answer.status >= 400 && detail === undefined)
          throw new OperatorError('PORTAL_REFUSED', foreign(url, answer))
        return answer
      },
    },
  })
}

/**
 * Runs calls of a portal's API, and tells its refusals as operators know them.
 * @throws OperatorError PORTAL_UNREACHABLE, PORTAL_TOKEN_REFUSED, PORTAL_REFUSED
 */
export const asking = async <T>(calls: () => Promise<T>): Promise<T> => {
  try {
    return await calls()
  } catch (error) {
    if (error instanceof OperatorError) throw error
    if (error instanceof Error && error.name === 'ApiError') {
      const { status, problem } = error as ApiError
      throw new OperatorError(status === 401 ? 'PORTAL_TOKEN_REFUSED' : 'PORTAL_REFUSED', problemLines(problem))
    }
    throw unreachable(error)
  }
}

/** Time for the portal to answer a sign-out, less than a person waits for the command. */
const SIGN_OUT_MS = 5_000

/**
 * Revokes a client's token at its portal, `portal` being the URL of its control channel or pages. A token that is not
 * valid any more counts as revoked.
 * @throws OperatorError PORTAL_UNREACHABLE, PORTAL_REFUSED, CA_FILE_…, PROXY_INVALID
 */
export const revokeClientToken = async (
  token: Secret,
  { portal, caFile }: { portal: string; caFile?: string | undefined },
): Promise<void> => {
  const url = `${portalUrl(portal.replace(/^ws/, 'http'))}/client/v2/sign_out`
  const headers = headersFor(token, false)
  const answer = await send(
    { method: 'POST', url, headers, timeoutMs: SIGN_OUT_MS, maxBytes: MAX_ANSWER_BYTES },
    caFile,
  )
  const body = parse(answer.body)
  if (answer.status === 204) return
  if (answer.status === 401 && (body as { code?: unknown } | undefined)?.code === 'invalid_token') return
  throw new OperatorError('PORTAL_REFUSED', refusalText(url, answer, body))
}

/**
 * Sends a request, trusting the same authorities as clients and gateways.
 * @throws OperatorError CA_FILE_…, PROXY_INVALID, PORTAL_UNREACHABLE with the step that failed and a remedy
 */
const send = async (request: HttpRequest, caFile: string | undefined): Promise<HttpResponse> =>
  asking(async () => (await httpClient(caFile)).send(request))

const httpClient = async (caFile: string | undefined): Promise<HttpClient> => {
  const { checkCaFile, checkProxies, createHttpClient, TrustedCertificates } = await import('../runtime/index.ts')
  checkCaFile(caFile)
  checkProxies()
  const http = createHttpClient({ ca: new TrustedCertificates({ caFile }).pem().join('\n') })
  return {
    send: async (request) => {
      try {
        return await http.send(request)
      } catch (error) {
        throw Object.assign(error as Error, { origin: new URL(request.url).origin })
      }
    },
  }
}

/** Makes the error of a request that got no answer, with the step that failed and a remedy. */
const unreachable = (error: unknown): unknown => {
  const { code = '', message, origin } = error as Error & { code?: string; origin?: string }
  if (origin === undefined) return error
  const failure = { step: stepOf(code), code, message }
  return new OperatorError('PORTAL_UNREACHABLE', problemText(problemOfFailure(failure, { url: origin })))
}

const stepOf = (code: string): WebSocketStep => {
  if (/^(?:ENOTFOUND|EAI_)/.test(code)) return 'name'
  if (code.startsWith('PROXY_')) return 'proxy'
  return /CERT|ISSUER|SELF_SIGNED|VERIFY|ERR_TLS|ERR_SSL|EPROTO/.test(code) ? 'tls' : 'connect'
}

const headersFor = (token: Secret, hasBody: boolean) => ({
  authorization: `Bearer ${token.reveal()}`,
  accept: 'application/json',
  ...(hasBody ? { 'content-type': 'application/json' } : {}),
})

/** Returns a portal's address in its one spelling. @throws OperatorError CONFIG_PORTAL_URL */
export const portalUrl = (text: string | undefined): string => {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:')) return url.href.replace(/\/$/, '')
  throw new OperatorError(
    'CONFIG_PORTAL_URL',
    text === undefined ? 'no portal is given.' : `${text} is not a web address.`,
    'Run portreeve login, or set PORTREEVE_PORTAL_URL, or --portal: https://portal.example.org',
  )
}

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

const refusalText = (url: string, answer: HttpResponse, body: unknown): string => {
  const problem = body as Partial<ApiProblem> | undefined
  return problem?.detail === undefined ? foreign(url, answer) : problemLines(problem as ApiProblem)
}

/** Tells of an answer that is not in the portal's format, so from a proxy or another server. */
const foreign = (url: string, { status, headers, body }: HttpResponse): string =>
  problemText(problemOfRefusal({ status, headers, body: new TextDecoder().decode(body) }, { url }))

const problemLines = ({ status, detail, errors = [] }: ApiProblem): string => {
  const fields = errors.map(({ path, message }) => `\n  ${path}: ${message}`).join('')
  return `the portal answers ${status}: ${detail.replace('?cascade=true', '--cascade')}${fields}`
}
