import { Command } from 'commander'
import type { Secret } from '../../core/runtime/secret.ts'
import { endProcessSoon } from '../runtime/process/end-process.ts'
import { packageVersion } from '../runtime/process/package-root.ts'
import { serviceNotices } from '../runtime/service-notices.ts'
import { clientSchema } from './config-schemas.ts'
import type { CommandContext } from './context.ts'
import { reportEnd } from './peer-end.ts'
import { readConfig, takeToken } from './read-config.ts'
import { untilSignal } from './until-signal.ts'

/** Builds `portreeve client up`, which runs a client until SIGTERM or `portreeve client down`. */
export const clientUpCommand = (context: CommandContext): Command =>
  new Command('up')
    .description('Runs a client, in the foreground until SIGTERM. Needs root, or CAP_NET_ADMIN.')
    .option('-c, --config <file>', 'its configuration, YAML; the environment goes before it')
    .action(async ({ config: file }: { config?: string }) => {
      const source = { schema: await clientSchema(), file, fallback: 'client.yaml', env: context.env } as const
      const { config, file: path } = await readConfig(source)
      const token = takeToken(context.env)
      const notices = serviceNotices(context.env)
      const { createClock, createRandom, createSecretStore, loadAddon, needFreeMachine, needNetAdmin, repairMachine } =
        await import('../runtime/index.ts')
      // Checked before the sign-in, so that nobody signs in for a client that cannot run.
      needNetAdmin()
      loadAddon()
      // A resolver left by a killed client would prevent even the sign-in.
      const repaired = await repairMachine()
      if (repaired.length > 0)
        context.output.tell(`Put back what a client that was killed had left: ${repaired.join(', ')}.`)
      const { createPluginModules } = await import('../runtime/plugin-modules.ts')
      const { ClientSession } = await import('../client/session/client-session.ts')
      const { Revocations } = await import('../client/session/revocations.ts')
      const { revokeClientToken } = await import('./portal-api.ts')
      const { checkClientPlugins, startClient } = await import('../client/main.ts')
      const modules = createPluginModules(path)
      await checkClientPlugins({ config, modules, version: packageVersion() })
      const secrets = createSecretStore(config.secret_store, config.state_folder)
      const revoke = (given: Secret) => revokeClientToken(given, { portal: config.portal_url, caFile: config.ca_file })
      const session = new ClientSession({
        config,
        token,
        random: createRandom(),
        secrets,
        revocations: new Revocations({ secrets, revoke, clock: createClock() }),
        prepare: needFreeMachine,
        start: (given) => startClient({ config, token: given, modules, version: packageVersion() }),
        ready: notices.ready,
        tell: context.output.tell,
      })
      void untilSignal().then(() => {
        notices.stopping()
        session.stop()
      })
      reportEnd(await session.run(), context)
      endProcessSoon()
    })
    .addHelpText(
      'after',
      `
The token comes from PORTREEVE_TOKEN, from \`token_file\` (mode 0600), or from \`portreeve client sign-in\`, where the
configuration names the \`account\`. PORTREEVE_PORTAL_URL, PORTREEVE_NAME, PORTREEVE_ID and PORTREEVE_SOCKET go before the
configuration as well.

Examples:
  $ portreeve client up --config client.yaml
  $ PORTREEVE_PORTAL_URL=https://portal.example.org PORTREEVE_TOKEN=… portreeve client up`,
    )
