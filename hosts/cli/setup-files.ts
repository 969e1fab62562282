import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, parseDocument, type Document } from 'yaml'
import { packageRoot } from '../runtime/process/package-root.ts'
import type { SetupAnswers, SignIn } from './setup-answers.ts'

/** File that a set-up writes. */
export interface PlannedFile {
  path: string
  text: string
  /** Whether it holds a secret: mode 0600, and its text is never shown. */
  isSecret: boolean
}

/** Identity provider that an account gets, as the API takes it. */
export interface PlannedProvider {
  name: string
  type: string
  settings: Record<string, unknown>
}

/** Files of a portal, and the identity provider whose plugin they configure. */
export interface PlannedPortal {
  files: PlannedFile[]
  provider: PlannedProvider | undefined
}

/** Entry of config/setup/sign-in.yaml for one way to sign in. */
interface SignInTemplate {
  plugin?: string
  provider: { name: string; type: string }
}

export interface Folders {
  /** Folder of portal.yaml. */
  config: string
  state: string
}

const TITLE = '# This portal, as portreeve setup has written it. Relative paths are seen from this file.\n\n'

/** Returns the text of an example without the comment at its beginning. */
const withoutTitle = (text: string): string => text.replace(/^(?:#.*\n)+\n*/, '')

/** Plans the configuration of a portal, from the packaged example, and the files with the secrets that it names. */
export const planPortal = async (
  answers: SetupAnswers,
  { config: folder, state }: Folders,
  { privateNetworks = [] }: { privateNetworks?: readonly string[] } = {},
): Promise<PlannedPortal> => {
  const examples = join(packageRoot(), 'config')
  const document = parseDocument(withoutTitle(await readFile(join(examples, 'portal.yaml'), 'utf8')))
  const templates = parse(await readFile(join(examples, 'setup/sign-in.yaml'), 'utf8')) as Record<
    string,
    SignInTemplate
  >
  const secrets = join(folder, 'secrets/portal')
  const files: PlannedFile[] = []
  const secretFile = (name: string, text: string): string => {
    const path = join(secrets, name)
    files.push({ path, text: `${text}\n`, isSecret: true })
    return path
  }
  const { publicUrl, listen, tls, postgres, signIn } = answers
  document.set('public_url', publicUrl.origin)
  document.setIn(['listen', 'host'], listen.host)
  document.setIn(['listen', 'port'], listen.port)
  if (tls.kind === 'files') {
    setBlock(document, ['listen', 'tls'], { certificate_file: tls.certificate, key_file: tls.key })
  }
  document.set('trusted_proxies', tls.kind === 'proxy' ? tls.proxies : [])
  document.set('state_folder', state)
  if (privateNetworks.length > 0) setBlock(document, ['private_networks'], [...privateNetworks])
  if (postgres !== undefined) {
    const { password, ...rest } = postgres
    const written = password === undefined ? {} : { password_file: secretFile('database-password', password.reveal()) }
    setBlock(document, ['database'], { driver: 'pg', ...rest, ...written })
  }
  const template = signIn.kind === 'later' ? undefined : templates[signIn.kind]
  if (template?.plugin !== undefined && signIn.kind === 'email') {
    const { host, port, tls: mailTls, user, password, from } = signIn
    const smtp = {
      host,
      port,
      tls: mailTls,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password_file: secretFile('smtp-password', password.reveal()) }),
    }
    document.addIn(['plugins'], document.createNode({ use: template.plugin, config: { smtp, from } }))
  }
  files.push({
    path: join(folder, 'portal.yaml'),
    text: `${TITLE}${document.toString({ lineWidth: 0 })}`,
    isSecret: false,
  })
  const provider = template && { ...template.provider, settings: providerSettings(signIn) }
  return { files, provider }
}

const providerSettings = (signIn: SignIn): Record<string, unknown> => {
  if (signIn.kind !== 'oidc') return {}
  const { issuer, clientId, secret } = signIn
  return {
    issuer,
    client_id: clientId,
    ...(secret === undefined ? {} : { client_secret: secret.reveal() }),
    ...(issuer.startsWith('http:') ? { allow_http: true } : {}),
  }
}

/** Sets a map or a list that the example has in a comment only. */
const setBlock = (document: Document, path: readonly string[], value: unknown): void => {
  document.setIn(path, document.createNode(value))
}
