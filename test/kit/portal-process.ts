import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { run } from '../../hosts/cli/program.ts'
import { Part, type PartEnd } from '../../hosts/lab/part.ts'
import { packageRoot } from '../../hosts/runtime/process/package-root.ts'

/** Standard output, standard error and exit code of a command. */
export interface CommandEnd {
  code: number
  printed: string
  told: string
}

/** Runs the commands of a portal as processes of their own, on one configuration file in a temporary folder. */
export class PortalProcess {
  #part: Part | undefined
  #url: string | undefined

  private constructor(
    readonly folder: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Writes the configuration file; `start` runs the portal. */
  static async configure(config: object, env: Readonly<Record<string, string>> = {}): Promise<PortalProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'portreeve-process-'))
    const portal = new PortalProcess(folder, env)
    await portal.write(config)
    return portal
  }

  /** Replaces the configuration file. */
  async write(config: object): Promise<void> {
    const whole = {
      listen: { port: 0 },
      state_folder: 'state',
      plugins: ['identity-oidc', 'condition-time-window', 'selector-random'].map((name) => ({
        use: `builtin:${name}`,
      })),
      ...config,
    }
    await writeFile(join(this.folder, 'portal.yaml'), stringify(whole))
  }

  get url(): string {
    if (this.#url === undefined) throw new Error('the portal was not started')
    return this.#url
  }

  get pid(): number {
    return this.#part?.pid ?? 0
  }

  /** Output of the portal so far, of both streams. */
  get output(): string {
    return this.#part?.output ?? ''
  }

  async start(): Promise<void> {
    this.#part = new Part(process.execPath, [CLI, 'portal', ...this.#config], {
      name: 'portal',
      env: { ...process.env, ...this.env },
    })
    const line = await this.#part.line((text) => text.startsWith('portal: listening on '))
    this.#url = line.slice('portal: listening on '.length)
  }

  /** Waits until the portal has written a line that matches, or finds one that it has written before. */
  async said(line: RegExp): Promise<void> {
    if (this.#part === undefined) throw new Error('the portal was not started')
    await this.#part.line((text) => line.test(text))
  }

  /** Runs another process: `portreeve portal ARGS --config FILE`. */
  async run(...args: readonly string[]): Promise<CommandEnd> {
    return new Promise((resolve) => {
      const options = { env: { ...process.env, ...this.env } }
      execFile(process.execPath, [CLI, 'portal', ...args, ...this.#config], options, (error, printed, told) => {
        resolve({ code: error === null ? 0 : Number(error.code), printed: printed.trim(), told: told.trim() })
      })
    })
  }

  /** Runs `portreeve portal ARGS --config FILE` within this process, which is faster. */
  async runHere(...args: readonly string[]): Promise<CommandEnd> {
    const [printed, told]: [string[], string[]] = [[], []]
    const code = await run(['portal', ...args, ...this.#config], {
      env: { ...this.env },
      output: {
        print: (text) => printed.push(text),
        json: (value) => printed.push(JSON.stringify(value)),
        tell: (text) => told.push(text),
      },
    })
    return { code, printed: printed.join('\n'), told: told.join('\n') }
  }

  /** Runs `portreeve portal init` for the account `example`. */
  async init(): Promise<{ account: { id: string }; admin: { id: string }; token: string }> {
    const made = await this.runHere('init', '--account', 'example', '--admin-email', 'ada@example.org', '--json')
    if (made.printed === '') throw new Error(made.told)
    return JSON.parse(made.printed) as Awaited<ReturnType<PortalProcess['init']>>
  }

  /** Ends it by SIGTERM, and says how it ended: by SIGKILL if it did not for 30 s. */
  async stop(): Promise<PartEnd | undefined> {
    const end = await this.#part?.stop()
    this.#part = undefined
    return end
  }

  /** Stops the portal and removes the folder. */
  async remove(): Promise<void> {
    await this.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  get #config(): readonly string[] {
    return ['--config', join(this.folder, 'portal.yaml')]
  }
}

const CLI = join(packageRoot(), 'dist/hosts/cli/main.js')
