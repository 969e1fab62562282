import { Command, type Command as Parent } from 'commander'
import type { BackupSummary } from '../portal/backup/backup-file.ts'
import type { CommandContext } from './context.ts'
import { readPortalStart } from './portal-start.ts'

interface Options {
  config?: string
  json?: true
}

/** Builds `portreeve portal backup`, which writes the database of one moment to a file while the portal runs. */
export const portalBackupCommand = ({ env, output }: Omit<CommandContext, 'exit'>): Command =>
  new Command('backup')
    .description('Writes everything in the database to a file (mode 0600), also while the portal runs.')
    .argument('<file>', 'the backup, which must not be there yet')
    .option('-c, --config <file>', 'the portal’s configuration, YAML')
    .option('--with-key <file>', 'write the secret key to a file of its own (mode 0600), to be kept elsewhere')
    .option('--json', 'print {"header","rows","sha256"}')
    .action(async (file: string, _: Options, command: Parent) => {
      // The parent command has a --config as well, and commander may assign the option to either.
      const { config, withKey, json } = command.optsWithGlobals<Options & { withKey?: string }>()
      const start = await readPortalStart(env, config)
      const { backUpPortal } = await import('../portal/back-up.ts')
      const made = await backUpPortal({ ...start, file, keyFile: withKey })
      if (json === true) {
        output.json(made)
        return
      }
      output.print(`${file}: ${summaryText(made)}`)
      if (withKey === undefined) {
        output.tell(
          'The secret key is not in it, and it cannot be restored elsewhere without: keep it apart, --with-key FILE.',
        )
      }
    })
    .addHelpText(
      'after',
      `
The file has what the database has, secrets of identity providers among it. It has no browsers' sessions: people sign in again after a restore.
The configuration, and the secrets that it names, are yours to keep.

Examples:
  $ portreeve portal backup /var/backups/portreeve-$(date +%F).gz
  $ portreeve portal backup portal.gz --with-key portal-key`,
    )

/** Builds `portreeve portal restore`, which puts a backup into an empty database. */
export const portalRestoreCommand = ({ env, output }: Omit<CommandContext, 'exit'>): Command =>
  new Command('restore')
    .description(
      'Puts a backup into the database, which must be empty, while the portal is stopped: all of it, or nothing.',
    )
    .argument('<file>', 'the backup')
    .option('-c, --config <file>', 'the portal’s configuration, YAML')
    .option('--key <file>', 'the secret key that the backup was made with, if this portal does not have it')
    .option('--force', 'replace what the database has, and another secret key')
    .option('--check', 'verify the backup and the key, and change nothing')
    .option('--json', 'print {"header","rows","sha256"}')
    .action(async (file: string, _: Options, command: Parent) => {
      const given = command.optsWithGlobals<Options & { key?: string; force?: true; check?: true }>()
      const start = await readPortalStart(env, given.config)
      const { restorePortal } = await import('../portal/restore.ts')
      const restored = await restorePortal({
        ...start,
        file,
        keyFile: given.key,
        force: given.force === true,
        isOnlyCheck: given.check === true,
      })
      if (given.json === true) {
        output.json(restored)
        return
      }
      output.print(`${file}: ${summaryText(restored)}`)
      output.tell(given.check === true ? 'The backup is whole. Nothing was changed.' : 'Restored. Start the portal.')
    })
    .addHelpText(
      'after',
      `
A backup of an older version is migrated; one of a newer version is refused. It goes into SQLite or PostgreSQL, whichever it is of. What was taken away since
it was made is there again, tokens and access too: look through the audit trail.

Examples:
  $ portreeve portal restore portal.gz --check
  $ portreeve portal restore portal.gz --key portal-key`,
    )

const summaryText = ({ header, rows, sha256 }: BackupSummary): string => {
  const count = Object.values(rows).reduce((sum, each) => sum + each, 0)
  const accounts = header.accounts === 1 ? '1 account' : `${header.accounts} accounts`
  return `${accounts}, ${count} rows, of ${header.made_at}, version ${header.version}, schema ${header.schema}, SHA-256 ${sha256}`
}
