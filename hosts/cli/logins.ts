import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import { FileSecretStore } from '../runtime/file-secret-store.ts'

/** Portal at which this user has logged in; its token is in the secret store. */
export interface Login {
  url: string
  /** Authorities (PEM) for the portal's certificate, beside those that the system trusts. */
  caFile?: string | undefined
  account: string
  actor: string
  /** RFC 3339; null if the token is valid until revoked. */
  expiresAt: string | null
}

interface Kept {
  /** URL of the portal that commands ask unless told otherwise. */
  default: string | null
  portals: Login[]
}

/**
 * Portals at which the user of this machine has logged in, in a folder of her own: `portals.json`, and each token in a
 * file of mode 0600.
 */
export class Logins {
  readonly #folder: string
  readonly #tokens: FileSecretStore

  constructor(env: NodeJS.ProcessEnv) {
    const base = env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config')
    this.#folder = join(base, 'portreeve')
    this.#tokens = new FileSecretStore(this.#folder)
  }

  /** Lists the portals, and the URL of the one that commands ask by default. */
  async list(): Promise<Kept> {
    const file = join(this.#folder, 'portals.json')
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw new OperatorError('LOGINS_UNREADABLE', `${file} cannot be read: ${error.code ?? error.message}.`)
    })
    if (text === undefined) return { default: null, portals: [] }
    const kept = parsed(text)
    if (kept === undefined) {
      throw new OperatorError('LOGINS_UNREADABLE', `${file} is damaged.`, 'Remove it, and log in again.')
    }
    return kept
  }

  /** Returns the login at a portal; at the default one if no URL is given. */
  async find(url: string | undefined): Promise<Login | undefined> {
    const { default: first, portals } = await this.list()
    return portals.find((login) => login.url === (url ?? first))
  }

  async tokenOf({ url }: Pick<Login, 'url'>): Promise<Secret | undefined> {
    return this.#tokens.read(tokenName(url))
  }

  /** Keeps a login with its token, as the default from here on. */
  async put(login: Login, token: Secret): Promise<void> {
    await this.#tokens.write(tokenName(login.url), token)
    const { portals } = await this.list()
    await this.#write({ default: login.url, portals: [...portals.filter(({ url }) => url !== login.url), login] })
  }

  async makeDefault(url: string): Promise<void> {
    await this.#write({ ...(await this.list()), default: url })
  }

  /** Forgets a portal and its token; the last one of those left becomes the default. */
  async remove(url: string): Promise<void> {
    await this.#tokens.remove(tokenName(url))
    const kept = await this.list()
    const portals = kept.portals.filter((login) => login.url !== url)
    await this.#write({ default: kept.default === url ? (portals.at(-1)?.url ?? null) : kept.default, portals })
  }

  async #write(kept: Kept): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const file = join(this.#folder, 'portals.json')
    await writeFile(`${file}.new`, `${JSON.stringify(kept, undefined, 2)}\n`, { mode: 0o600 })
    await rename(`${file}.new`, file)
  }
}

/** Name of a portal's token in the secret store: a URL is no file name. */
const tokenName = (url: string): string => `api-${createHash('sha256').update(url).digest('hex').slice(0, 16)}.token`

const parsed = (text: string): Kept | undefined => {
  try {
    const kept = JSON.parse(text) as Partial<Kept>
    return Array.isArray(kept.portals) ? { default: kept.default ?? null, portals: kept.portals } : undefined
  } catch {
    return undefined
  }
}
