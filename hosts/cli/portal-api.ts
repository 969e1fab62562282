import { OperatorError } from '../../core/config/operator-error.ts'
import { problemOfFailure, problemOfRefusal, problemText } from '../../core/control/portal-problem.ts'
import type { HttpRequest, HttpResponse } from '../../core/runtime/http-client.ts'
import type { WebSocketStep } from '../../core/runtime/web-socket.ts'
import type { Secret } from '../../core/runtime/secret.ts'
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

const TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 16 * 1_048_576

/**
 * Sends one request to the portal's API, with the token of PORTREEVE_TOKEN or of a token file, and returns the JSON
 * answer.
 * @throws OperatorError CONFIG_PORTAL_URL, TOKEN_MISSING, SECRET_FILE_…, PROXY_INVALID, PORTAL_UNREACHABLE, PORTAL_TOKEN_REFUSED,
 * PORTAL_REFUSED
 */
export const askPortal = async (
  request: { method: 'GET' | 'POST'; path: string; body?: unknown },
  { portal, tokenFile, caFile }: ApiOptions,
  { env }: Pick<CommandContext, 'env'>,
): Promise<unknown> => {
  const url = portalUrl(portal ?? env['PORTREEVE_PORTAL_URL'])
  const token = takeToken(env) ?? (tokenFile === undefined ? undefined : await needTokenFile(tokenFile))
  if (token === undefined) {
    throw new OperatorError(
      'TOKEN_MISSING',
      'there is no API token.',
      'Set PORTREEVE_TOKEN, or name a 0600 file by --token-file.',
    )
  }
  const answer = await send(
    {
      method: request.method,
      url: `${url}/api/v1${request.path}`,
      headers: headersFor(token, request.body !== undefined),
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    },
    caFile,
  )
  const body = parse(answer.body)
  if (answer.status >= 200 && answer.status < 300) return body
  const code = answer.status === 401 ? 'PORTAL_TOKEN_REFUSED' : 'PORTAL_REFUSED'
  throw new OperatorError(code, refusalText(url, answer, body))
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
const send = async (request: HttpRequest, caFile: string | undefined): Promise<HttpResponse> => {
  const { checkCaFile, checkProxies, createHttpClient, TrustedCertificates } = await import('../runtime/index.ts')
  checkCaFile(caFile)
  checkProxies()
  const ca = new TrustedCertificates({ caFile }).pem().join('\n')
  try {
    return await createHttpClient({ ca }).send(request)
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    const { origin } = new URL(request.url)
    throw new OperatorError(
      'PORTAL_UNREACHABLE',
      problemText(problemOfFailure({ step: stepOf(code), code, message }, { url: origin })),
    )
  }
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

const portalUrl = (text: string | undefined): string => {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:')) return url.href.replace(/\/$/, '')
  throw new OperatorError(
    'CONFIG_PORTAL_URL',
    text === undefined ? 'no portal is given.' : `${text} is not a web address.`,
    'Set PORTREEVE_PORTAL_URL, or --portal: https://portal.example.org',
  )
}

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown
  } catch {
    return undefined
  }
}

const refusalText = (url: string, { status, headers, body: bytes }: HttpResponse, body: unknown): string => {
  const { detail, errors } = (body ?? {}) as { detail?: string; errors?: { path: string; message: string }[] }
  if (detail === undefined) {
    // The answer is not in the portal's format, so it is from a proxy or another server.
    const answer = { status, headers, body: new TextDecoder().decode(bytes) }
    return problemText(problemOfRefusal(answer, { url }))
  }
  const fields = (errors ?? []).map(({ path, message }) => `\n  ${path}: ${message}`).join('')
  return `the portal answers ${status}: ${detail}${fields}`
}
