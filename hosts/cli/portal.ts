import { Command } from 'commander'
import { endProcessSoon } from '../runtime/process/end-process.ts'
import { serviceNotices } from '../runtime/service-notices.ts'
import type { RunningPortal } from '../portal/config.ts'
import type { CommandContext } from './context.ts'
import { portalBackupCommand, portalRestoreCommand } from './portal-backup.ts'
import { portalEmergencyCodeCommand } from './portal-emergency-code.ts'
import { portalInitCommand } from './portal-init.ts'
import { readPortalStart } from './portal-start.ts'
import { untilSignal } from './until-signal.ts'

/** Builds `portreeve portal`, which runs a portal until SIGTERM. */
export const portalCommand = ({ env, output }: CommandContext): Command =>
  new Command('portal')
    .option('-c, --config <file>', 'its configuration, YAML; /etc/portreeve/portal.yaml by default')
    .action(async ({ config: file }: { config?: string }) => {
      const notices = serviceNotices(env)
      const start = await readPortalStart(env, file)
      const { startPortal } = await import('../portal/main.ts')
      const running: { portal?: RunningPortal } = {}
      // SIGHUP is for reading files again, as `systemctl reload` sends it, and ends no portal.
      const ending = untilSignal({ hangUp: () => running.portal?.readCertificate() })
      const portal = await startPortal(start)
      running.portal = portal
      output.tell(`portal: listening on ${portal.url}`)
      notices.ready()
      await ending
      notices.stopping()
      await portal.stop()
      endProcessSoon()
    })
    .addCommand(portalInitCommand({ env, output }))
    .addCommand(portalEmergencyCodeCommand({ env, output }))
    .addCommand(portalBackupCommand({ env, output }))
    .addCommand(portalRestoreCommand({ env, output }))
    .addHelpText(
      'after',
      `
Examples:
  $ portreeve portal --config portal.yaml
  $ portreeve portal init --config portal.yaml --account example --admin-email ada@example.org
  $ portreeve portal emergency-code --config portal.yaml --account example
  $ portreeve portal backup portal.gz

A configuration to begin with: config/portal.yaml of this package.`,
    )
