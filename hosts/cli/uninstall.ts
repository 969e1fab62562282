import { existsSync } from 'node:fs'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { ClientCommand } from '../client/session/control-socket.ts'
import { gatewaySocket } from '../gateway/control-socket.ts'
import { ask } from './ask.ts'
import { clientSchema, gatewaySchema } from './config-schemas.ts'
import { confirmed } from './confirm.ts'
import type { CommandContext } from './context.ts'
import { installedConfig } from './installed-config.ts'
import { readConfig } from './read-config.ts'
import { endService, hasService } from './services.ts'

/** Time for a client or gateway to end. */
const END_MS = 30_000
const LOOK_MS = 100

interface Options {
  config?: string
  keepConfig?: true
  yes?: true
  json?: true
}

/** Files and the device of the client or gateway that is to go. */
interface Installed {
  config: string | undefined
  device: string
  stateFolder: string
  tokenFile: string | undefined
  socket: string
}

/** Builds `portreeve gateway uninstall` or `portreeve client uninstall`, after which nothing is left on this machine. */
export const uninstallCommand = (role: 'gateway' | 'client', context: CommandContext): Command =>
  new Command('uninstall')
    .description(
      `Ends the ${role} and removes everything of it from this machine: rules, routes, resolver, state, configuration.`,
    )
    .option('-c, --config <file>', `the ${role}’s configuration`)
    .option('--keep-config', 'keep the configuration and the token')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print {"removed"}')
    .action(async (_: Options, command: Command) => {
      // The parent command of a gateway has a --config as well, and commander assigns it the option.
      const options = command.optsWithGlobals<Options>()
      const { output } = context
      const { hasNetAdmin, needNetAdmin } = await import('../runtime/index.ts')
      if (!hasNetAdmin()) needNetAdmin()
      const installed = await installedOf(role, options.config, context)
      const files = [
        installed.stateFolder,
        ...(options.keepConfig === true ? [] : [installed.config, installed.tokenFile]),
      ].filter((path) => path !== undefined && existsSync(path))
      if (options.yes !== true && context.confirm === undefined && !process.stdin.isTTY) {
        throw new OperatorError('USAGE', 'there is nobody to ask.', 'Add --yes.')
      }
      const question = `End the ${role} of this machine, and remove ${files.join(', ') || 'what it has left'}?`
      if (!(await confirmed(() => Promise.resolve(question), { yes: options.yes, context }))) {
        output.tell('Nothing was changed.')
        return
      }
      const removed = [
        ...(await end(role, installed, { context, config: options.config })),
        ...(await undo(installed)),
        ...(await removeFiles(installed, {
          keepsConfig: options.keepConfig === true,
          isPackaged: await hasService(role),
        })),
      ]
      if (options.json === true) output.json({ removed })
      else output.print(removed.length === 0 ? 'Nothing was left of it.' : `Removed: ${removed.join(', ')}.`)
      output.tell(
        role === 'gateway'
          ? 'Its row and its token are the portal’s: remove the gateway on the page of its site, and revoke the token if no other gateway has it.'
          : 'Its device is still in your list at the portal, where an admin removes it.',
      )
    })
    .addHelpText(
      'after',
      `
Needs root, or CAP_NET_ADMIN. What others have changed since is theirs, and stays: a resolv.conf that was written since, forwarding that
another program has switched on. Packages are removed by their own tool, which does not need this first.

Example:
  $ portreeve ${role} uninstall`,
    )

const installedOf = async (
  role: 'gateway' | 'client',
  given: string | undefined,
  { env }: CommandContext,
): Promise<Installed> => {
  const fallback = `${role}.yaml` as const
  const file = given ?? installedConfig(fallback)
  if (role === 'gateway') {
    const schema = await gatewaySchema()
    const config = file === undefined ? undefined : (await readConfig({ schema, file, fallback, env })).config
    const stateFolder = config?.state_folder ?? schema.shape.state_folder.parse(undefined)
    return {
      config: file,
      device: config?.device ?? schema.shape.device.parse(undefined),
      stateFolder,
      tokenFile: config?.token_file,
      socket: gatewaySocket({ socket: config?.socket, state_folder: stateFolder }),
    }
  }
  const schema = await clientSchema()
  const config = file === undefined ? undefined : (await readConfig({ schema, file, fallback, env })).config
  return {
    config: file,
    device: config?.device ?? schema.shape.device.parse(undefined),
    stateFolder: config?.state_folder ?? schema.shape.state_folder.parse(undefined),
    tokenFile: config?.token_file,
    socket: config?.socket ?? schema.shape.socket.parse(undefined),
  }
}

/** Signs a client out, and ends the service, or the process that has the device. */
const end = async (
  role: 'gateway' | 'client',
  { device }: Installed,
  { context, config }: { context: CommandContext; config: string | undefined },
): Promise<string[]> => {
  const ended: string[] = []
  const asked = (command: ClientCommand): Promise<boolean> =>
    ask(command, config === undefined ? {} : { config }, context).then(() => true, unlessOperatorError)
  // A client that does not run, or that nobody has signed in, has no token to revoke by.
  if (role === 'client') await asked('sign-out')
  if (await hasService(role)) {
    await endService(role)
    ended.push(`the service portreeve-${role}`)
  }
  // One that waits for a sign-in has no device yet.
  if (role === 'client' && (await asked('down'))) {
    await until(async () => !(await asked('status')), 'the client does not end')
    ended.push('the client that ran')
  }
  const { ownedDevices } = await import('../runtime/index.ts')
  const owned = (await ownedDevices()).find(({ name }) => name === device)
  if (owned === undefined) return ended
  process.kill(owned.process, 'SIGTERM')
  const isGone = async (): Promise<boolean> => !(await ownedDevices()).some(({ name }) => name === device)
  await until(isGone, `the process ${owned.process} has the device ${device}, and does not end`)
  return [...ended, `the process ${owned.process} with the device ${device}`]
}

const unlessOperatorError = (error: unknown): false => {
  if (!(error instanceof OperatorError)) throw error
  return false
}

/** Waits until something is so. @throws OperatorError STILL_RUNNING with what is said of it, after 30 s */
const until = async (isSo: () => Promise<boolean>, said: string): Promise<void> => {
  const began = performance.now()
  while (!(await isSo())) {
    if (performance.now() - began > END_MS) throw new OperatorError('STILL_RUNNING', `${said}.`)
    await delay(LOOK_MS)
  }
}

const undo = async ({ device, stateFolder }: Installed): Promise<string[]> => {
  const { clearMachine, ownedDevices } = await import('../runtime/index.ts')
  const [other] = await ownedDevices()
  if (other === undefined) return clearMachine({ device, stateFolder })
  throw new OperatorError(
    'MACHINE_TAKEN',
    `process ${other.process} runs another client or gateway here, with the device ${other.name}.`,
    'Name its configuration by --config, or end it first.',
  )
}

const removeFiles = async (
  { config, stateFolder, tokenFile, socket }: Installed,
  { keepsConfig, isPackaged }: { keepsConfig: boolean; isPackaged: boolean },
): Promise<string[]> => {
  const removed: string[] = []
  if (existsSync(stateFolder)) {
    const entries = await readdir(stateFolder, { withFileTypes: true })
    // A state folder has files only: one with folders in it is somebody else's as well.
    const [folder] = entries.filter((entry) => entry.isDirectory())
    if (folder !== undefined) {
      throw new OperatorError(
        'STATE_FOREIGN',
        `${stateFolder} has a folder ${folder.name}, which is not Portreeve’s.`,
        'Remove it by hand.',
      )
    }
    await rm(stateFolder, { recursive: true })
    removed.push(stateFolder)
  }
  await rm(socket, { force: true })
  for (const path of keepsConfig ? [] : [config, tokenFile]) {
    if (path === undefined || !existsSync(path)) continue
    await rm(path)
    removed.push(path)
    // The folder of a package's service stays: systemd starts no service whose folder of credentials is missing.
    if (!isPackaged) await removeEmpty(dirname(path))
  }
  return removed
}

/** Removes a folder of secrets that has become empty. */
const removeEmpty = async (folder: string): Promise<void> => {
  if (!/\/secrets\/(?:gateway|client)$/.test(folder) || (await readdir(folder)).length > 0) return
  await rmdir(folder)
  const above = join(folder, '..')
  if ((await readdir(above)).length === 0) await rmdir(above)
}
