import { existsSync } from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { parseDocument } from 'yaml'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import { shownUrl } from '../../core/control/connect-request.ts'
import { packageRoot } from '../runtime/process/package-root.ts'
import type { CommandContext } from './context.ts'
import { findingLines } from './finding.ts'
import { probedPortal } from './probed-portal.ts'
import { readYaml } from './read-config.ts'
import { mayWrite } from './setup-checks.ts'
import type { PlannedFile } from './setup-files.ts'
import { hasService, startService } from './services.ts'
import { removeFiles, writeNewFiles } from './written-files.ts'

/** Options common to `portreeve gateway setup` and `portreeve client setup`. */
export interface PeerSetupOptions {
  portal: string
  caFile?: string
  name?: string
  configFolder: string
  stateFolder?: string
  force?: true
  ignoreChecks?: true
  start: boolean
}

/** Result of a set-up. */
export interface PeerSetup {
  /** Path of the configuration file. */
  config: string
  /** Whether systemd runs it from here on; otherwise a person starts it. */
  isStarted: boolean
}

/** Adds the options of `PeerSetupOptions` to a command. */
export const withPeerOptions = (command: Command): Command =>
  command
    .requiredOption('--portal <url>', 'the portal: https://portal.example.org')
    .option('--ca-file <file>', 'authorities (PEM) for the portal’s certificate, beside those that the system trusts')
    .option('--name <name>', 'name of this machine for people; its host name by default')
    .option('--config-folder <folder>', 'folder of the configuration', '/etc/portreeve')
    .option('--state-folder <folder>', 'folder in which it keeps its identity')
    .option('--force', 'replace the configuration of another portal; the old one is kept beside it')
    .option('--ignore-checks', 'go on though the portal does not answer')
    .option('--no-start', 'write the configuration only')

/**
 * Writes the configuration of a gateway or client, with its token in a file of its own, after trying whether the portal
 * answers, and has systemd start it where its unit is. Where there is a configuration for this portal, nothing is changed.
 * @throws OperatorError SETUP_EXISTS, SETUP_CHECKS, SETUP_FOLDER
 */
export const setUpPeer = async (
  role: 'gateway' | 'client',
  options: PeerSetupOptions,
  {
    settings = {},
    token,
    output,
  }: { settings?: Record<string, string>; token?: () => Promise<Secret> } & Pick<CommandContext, 'output'>,
): Promise<PeerSetup & { isNew: boolean }> => {
  const folder = resolve(options.configFolder)
  const config = join(folder, `${role}.yaml`)
  const isService = await hasService(role)
  const portal = portalOf(options.portal)
  if (existsSync(config) && options.force !== true) {
    const { portal_url: known } = await readYaml(config)
    if (known !== portal) {
      const remedy = 'Nothing was changed. --force replaces it.'
      throw new OperatorError('SETUP_EXISTS', `${config} is for another portal: ${String(known)}.`, remedy)
    }
    output.tell(`There is a ${role} of ${portal} already: ${config}. Nothing was changed; --force writes it anew.`)
    return { config, isStarted: isService, isNew: false }
  }
  const caFile = options.caFile === undefined ? undefined : resolve(options.caFile)
  await checkPortal(role, { portal, caFile, isIgnored: options.ignoreChecks === true, output })
  const secret = await token?.()
  if (!(await mayWrite(folder))) {
    throw new OperatorError(
      'SETUP_FOLDER',
      `this user may not write in ${folder}.`,
      'Run it as root, or name another folder: --config-folder.',
    )
  }
  const tokenFile = join(folder, 'secrets', role, 'token')
  const written = {
    portal_url: portal,
    ...(caFile === undefined ? {} : { ca_file: caFile }),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.stateFolder === undefined ? {} : { state_folder: resolve(options.stateFolder) }),
    ...(secret === undefined ? {} : { token_file: tokenFile }),
    ...settings,
  }
  const files: PlannedFile[] = [
    ...(secret === undefined ? [] : [{ path: tokenFile, text: `${secret.reveal()}\n`, isSecret: true }]),
    { path: config, text: await peerYaml(role, written), isSecret: false },
  ]
  if (existsSync(config)) await rename(config, `${config}.before`)
  if (secret !== undefined) await removeFiles([tokenFile])
  await writeNewFiles(files)
  output.tell(`Written: ${files.map(({ path }) => path).join(', ')}.`)
  const isStarted = isService && options.start
  if (isStarted) await startService(role)
  return { config, isStarted, isNew: true }
}

const portalOf = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url.href.replace(/\/$/, '')
  throw new OperatorError('USAGE', `--portal ${text} is no URL of a portal.`, 'Write https://portal.example.org.')
}

const checkPortal = async (
  role: 'gateway' | 'client',
  {
    portal,
    caFile,
    isIgnored,
    output,
  }: { portal: string; caFile: string | undefined; isIgnored: boolean } & Pick<CommandContext, 'output'>,
): Promise<void> => {
  const findings = await probedPortal({ url: shownUrl({ role, portalUrl: portal }), caFile })
  const wrong = findings.filter(({ state }) => state === 'wrong')
  for (const finding of wrong.length > 0 ? findings : findings.filter(({ state }) => state !== 'fine'))
    output.tell(findingLines(finding))
  if (wrong.length === 0 || isIgnored) return
  throw new OperatorError(
    'SETUP_CHECKS',
    `the portal ${portal} cannot be used from here, see above. Nothing was written.`,
    'Mend it and run this again, or add --ignore-checks.',
  )
}

/** Returns the packaged example of a configuration with settings of its own. */
const peerYaml = async (role: 'gateway' | 'client', settings: Record<string, string>): Promise<string> => {
  const example = await readFile(join(packageRoot(), 'config', `${role}.yaml`), 'utf8')
  const document = parseDocument(example)
  document.delete('account')
  for (const [name, value] of Object.entries(settings)) document.set(name, value)
  return document.toString({ lineWidth: 0 })
}
