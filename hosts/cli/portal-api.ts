import { OperatorError } from '../../core/config/operator-error.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import { needTokenFile } from '../runtime/token-file.ts'
import type { CommandContext } from './context.ts'
import { takeToken } from './read-config.ts'

/** What the commands have in common that ask a portal's API. */
export interface ApiOptions {
  portal?: string
  tokenFile?: string
  json?: true
}

const TIMEOUT_MS = 30_000
const MOST_BYTES = 16 * 1_048_576

/**
 * One request to the portal's API, with the token of PORTREEVE_TOKEN or of a file that only its owner reads.
 * @throws OperatorError CONFIG_PORTAL_URL, TOKEN_MISSING, SECRET_FILE_…, PORTAL_UNREACHABLE, PORTAL_REFUSED
 */
export const askPortal = async (
  request: { method: 'GET' | 'POST'; path: string; body?: unknown },
  { portal, tokenFile }: ApiOptions,
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
  const { createHttpClient } = await import('../runtime/index.ts')
  const answer = await createHttpClient()
    .send({
      method: request.method,
      url: `${url}/api/v1${request.path}`,
      headers: headersFor(token, request.body !== undefined),
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MOST_BYTES,
    })
    .catch((error: unknown) => {
      const { code } = error as { code?: string }
      throw new OperatorError('PORTAL_UNREACHABLE', `${url} cannot be reached: ${code ?? 'no answer'}.`)
    })
  const body = parse(answer.body)
  if (answer.status >= 200 && answer.status < 300) return body
  throw new OperatorError('PORTAL_REFUSED', refusalText(answer.status, body))
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
    text === undefined ? 'it is not said which portal to ask.' : `${text} is no web address.`,
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

const refusalText = (status: number, body: unknown): string => {
  const { detail, errors } = (body ?? {}) as { detail?: string; errors?: { path: string; message: string }[] }
  const fields = (errors ?? []).map(({ path, message }) => `\n  ${path}: ${message}`).join('')
  return `the portal answers ${status}: ${detail ?? 'no reason given'}${fields}`
}
