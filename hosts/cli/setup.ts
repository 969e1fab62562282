import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { findingLines } from './finding.ts'
import { readPortalStart } from './portal-start.ts'
import { collectAnswers, type SetupAnswers, type SetupOptions } from './setup-answers.ts'
import { checkAnswers, mayWrite } from './setup-checks.ts'
import { makeFirstRows, type FirstRows } from './setup-rows.ts'
import { planPortal, type PlannedFile, type PlannedPortal } from './setup-files.ts'
import { Questions } from './setup-questions.ts'
import { hasService, serviceUser, startService, type ServiceUser } from './services.ts'
import { giveTo, removeFiles, writeNewFiles } from './written-files.ts'

interface Options extends SetupOptions {
  yes?: true
  dryRun?: true
  ignoreChecks?: true
  start: boolean
  json?: true
}

const DEFAULT_CONFIG = '/etc/portreeve'
const DEFAULT_STATE = '/var/lib/portreeve/portal'

/** Builds `portreeve setup`, which makes a working portal of a few answers. */
export const setupCommand = (context: CommandContext): Command =>
  new Command('setup')
    .option('--public-url <url>', 'public name, at which browsers, clients and gateways reach the portal')
    .option('--admin-email <address>', 'the first admin')
    .option('--account <slug>', 'short name of the account; by default of the admin’s domain')
    .option('--sign-in <way>', 'email (a code by mail), oidc (an OpenID provider) or later')
    .option('--smtp-host <host>', 'email: the mail server')
    .option('--smtp-port <port>', 'email: its port, 587 by default')
    .option('--smtp-tls <way>', 'email: starttls, always or never')
    .option('--smtp-user <name>', 'email: user name there')
    .option('--smtp-password-file <file>', 'email: a file of mode 0600 with the password there')
    .option('--mail-from <sender>', 'email: sender of the mails')
    .option('--issuer <url>', 'oidc: issuer of the provider')
    .option('--client-id <id>', 'oidc: client id at the provider')
    .option('--client-secret-file <file>', 'oidc: a file of mode 0600 with the client secret')
    .option('--tls <way>', 'files (a certificate of this machine), proxy (a reverse proxy does TLS) or none')
    .option('--certificate <file>', 'files: the certificate, PEM, with the intermediate ones')
    .option('--key <file>', 'files: its key, PEM')
    .option('--proxy <addresses>', 'proxy: its addresses, as the portal sees them; 127.0.0.1,::1 by default')
    .option(
      '--listen <address:port>',
      'where the portal listens; by default [::]:443, or 127.0.0.1:8080 without a certificate',
    )
    .option(
      '--database-url-file <file>',
      'PostgreSQL in place of the embedded database: a file of mode 0600 with its URL',
    )
    .option('--site <name>', 'the first site; "Main site" by default')
    .option(
      '--resource <address[:port]>',
      'the first resource, for the admin to reach: a name, an address or a network',
    )
    .option('--config-folder <folder>', 'folder of portal.yaml', DEFAULT_CONFIG)
    .option('--state-folder <folder>', 'folder of the database and the secret key', DEFAULT_STATE)
    .option('-y, --yes', 'ask nothing: a flag that is missing is an error, or has its default')
    .option('--dry-run', 'check, and show what would be written')
    .option('--ignore-checks', 'go on though a check has failed')
    .option('--no-start', 'do not start the portal')
    .option('--json', 'print one JSON document; asks nothing')
    .action(async (options: Options) => {
      const folders = { config: resolve(options.configFolder), state: resolve(options.stateFolder) }
      const config = join(folders.config, 'portal.yaml')
      if (existsSync(config)) return describeExisting(config, options, context)
      const questions = new Questions(context, { isSilent: options.yes === true || options.json === true })
      const answers = await collectAnswers(options, questions)
      const isService = await hasService('portal')
      const user = isService ? await serviceUser('portal') : undefined
      const { findings, privateNetworks } = await checkAnswers(answers, { serviceUser: user, now: Date.now() })
      for (const finding of findings) context.output.tell(findingLines(finding))
      const failed = findings.filter(({ state }) => state === 'wrong')
      if (failed.length > 0 && options.ignoreChecks !== true) {
        throw new OperatorError(
          'SETUP_CHECKS',
          `${failed.length === 1 ? 'something is' : `${failed.length} things are`} wrong, see above. Nothing was written.`,
          'Mend it and run this again, or add --ignore-checks.',
        )
      }
      const plan = await planPortal(answers, folders, { privateNetworks })
      if (options.dryRun === true) return showPlan(plan, answers, { options, context })
      if (questions.isAsking) context.output.tell(`Writing ${plan.files.map(({ path }) => path).join(', ')}.`)
      const made = await write(plan, answers, { config, state: folders.state, user, context })
      const isStarted = isService && options.start
      if (isStarted) await startService('portal')
      const code = answers.signIn.kind === 'later' ? await emergencyCode(config, answers.account, context) : undefined
      if (user !== undefined) await giveTo(user, folders.state)
      show(made, answers, { config, isStarted, code, options, context })
    })
    .addHelpText(
      'after',
      `
It asks at a terminal for what the options do not say. It tries the name, the port, the certificate, and the provider or mail server, and writes
portal.yaml, files of mode 0600 for secrets, the account, its admin, a site, and a resource that the admin may use. Then it starts the portal, where
systemd has its unit, and prints one line for a gateway's machine and one for a client's. Where portal.yaml exists it changes nothing, and says what is there.

Examples:
  $ portreeve setup
  $ portreeve setup --yes --public-url portal.example.org --admin-email ada@example.org --tls proxy --sign-in later --resource wiki.example.org:443
  $ portreeve setup --dry-run`,
    )

/** Writes the files and the rows; if anything fails, what was written is removed. */
const write = async (
  plan: PlannedPortal,
  answers: SetupAnswers,
  {
    config,
    state,
    user,
    context,
  }: { config: string; state: string; user: ServiceUser | undefined; context: CommandContext },
): Promise<FirstRows> => {
  for (const folder of [...plan.files.map(({ path }) => path.replace(/\/[^/]*$/, '')), state]) {
    if (!(await mayWrite(folder))) {
      throw new OperatorError(
        'SETUP_FOLDER',
        `this user may not write in ${folder}.`,
        'Run it as root, or name other folders: --config-folder, --state-folder.',
      )
    }
  }
  const isNew = !existsSync(state)
  await mkdir(dirname(state), { recursive: true, mode: 0o755 })
  await writeNewFiles(plan.files)
  try {
    const made = await makeFirstRows(await readPortalStart(context.env, config), answers, plan.provider)
    if (user !== undefined) await giveTo(user, state)
    return made
  } catch (error) {
    await removeFiles(plan.files.map(({ path }) => path))
    if (isNew) await rm(state, { recursive: true, force: true })
    throw error
  }
}

const emergencyCode = async (
  config: string,
  account: string,
  { env }: CommandContext,
): Promise<{ url: string; code: string }> => {
  const { makeEmergencyCode } = await import('../portal/main.ts')
  return makeEmergencyCode({ ...(await readPortalStart(env, config)), account })
}

const describeExisting = async (
  config: string,
  { json }: Options,
  { env, output, exit }: CommandContext,
): Promise<void> => {
  const start = await readPortalStart(env, config)
  const { describeAccounts } = await import('../portal/describe-accounts.ts')
  const accounts = await describeAccounts(start)
  const publicUrl = start.config.public_url
  exit(ExitCode.done)
  if (json === true) {
    output.json({ config, public_url: publicUrl ?? null, accounts, is_changed: false })
    return
  }
  output.print(`There is a portal already; nothing was changed.`)
  output.print(`configuration  ${config}${publicUrl === undefined ? '' : `, for ${publicUrl}`}`)
  for (const { slug, people, identityProviders, sites, resources } of accounts) {
    output.print(
      `account        ${slug}: people ${people}, identity providers ${identityProviders}, sites ${sites}, resources ${resources}`,
    )
    output.print(`admin’s page   ${(publicUrl ?? '').replace(/\/$/, '')}/${slug}/admin`)
  }
  if (accounts.length === 0)
    output.tell('It has no account: portreeve portal init --account NAME --admin-email ADDRESS makes one.')
  output.tell(
    'A line for another gateway is on the page of its site; to begin anew, move the configuration and the state folder away.',
  )
}

const shownFile = ({ path, text, isSecret }: PlannedFile): string =>
  isSecret ? `# ${path} (mode 0600)\n[secret]` : `# ${path}\n${text}`

const showPlan = (
  { files, provider }: PlannedPortal,
  { account, adminEmail, site, resource }: SetupAnswers,
  { options, context: { output } }: { options: Options; context: CommandContext },
): void => {
  const rows = {
    account,
    admin: adminEmail,
    provider: provider?.type ?? null,
    site,
    resource: resource?.address ?? null,
  }
  if (options.json === true) {
    output.json({ files: files.map(({ path, isSecret }) => ({ path, is_secret: isSecret })), rows })
    return
  }
  for (const file of files) output.print(shownFile(file))
  output.print(
    Object.entries(rows)
      .map(([name, value]) => `# ${name}: ${value ?? 'none'}`)
      .join('\n'),
  )
  output.tell('Nothing was written.')
}

/** The line for a gateway: the shell's own echo shows its token in no list of processes. */
const gatewayLine = (token: string, portal: string): string =>
  `echo ${token} | portreeve gateway setup --portal ${portal}`

const clientLine = (account: string, portal: string): string =>
  `portreeve client setup --portal ${portal} --account ${account}`

const show = (
  { account, site, resource, callbackUrl, gatewayToken }: FirstRows,
  { publicUrl, adminEmail }: SetupAnswers,
  {
    config,
    isStarted,
    code,
    options,
    context: { output },
  }: {
    config: string
    isStarted: boolean
    code: { url: string; code: string } | undefined
    options: Options
    context: CommandContext
  },
): void => {
  const portal = publicUrl.origin
  const page = `${portal}/${account.slug}/admin`
  const start = isStarted ? undefined : `portreeve portal --config ${config}`
  const [gateway, client] = [gatewayLine(gatewayToken, portal), clientLine(account.slug, portal)]
  if (options.json === true) {
    output.json({
      config,
      account,
      admin: adminEmail,
      page,
      callback_url: callbackUrl ?? null,
      emergency: code === undefined ? null : { url: code.url, code: code.code },
      start: start ?? null,
      gateway,
      client,
    })
    return
  }
  if (start !== undefined) output.print(`Start the portal:\n  ${start}`)
  if (callbackUrl !== undefined) output.print(`Register at the provider, as redirect URI:\n  ${callbackUrl}`)
  output.print(`On the gateway’s machine, in ${site}, as root (it has a token, shown this once):\n  ${gateway}`)
  output.print(`On a client’s machine, as root:\n  ${client}`)
  output.print(`Your page, ${adminEmail}:\n  ${page}`)
  if (code !== undefined)
    output.print(`Enter there for the first time, within ten minutes:\n  ${code.url}\n  code ${code.code}`)
  if (resource !== undefined) output.tell(`You may use ${resource} from your client as soon as the gateway runs.`)
}
