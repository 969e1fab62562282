import { z } from 'zod'
import { PluginEntry } from '../../core/config/parse-config.ts'

export type LabHost = 'portal' | 'client' | 'gateway'

const Values = z.record(z.string(), z.unknown())

/** Settings of a host, as its configuration file has them, except for those that the lab sets itself. */
const hostSettings = (own: readonly string[]) =>
  Values.default({}).superRefine((settings, context) => {
    for (const key of own.filter((each) => each in settings)) {
      context.addIssue({ code: 'custom', path: [key], message: 'the lab sets this itself' })
    }
    const plugins = z.array(PluginEntry).safeParse(settings['plugins'] ?? [])
    for (const issue of plugins.error?.issues ?? []) {
      context.addIssue({ code: 'custom', path: ['plugins', ...issue.path], message: issue.message })
    }
  })

const OF_PEER = ['portal_url', 'name', 'id', 'token_file', 'state_folder', 'socket']

/** File of `portreeve lab --plugins`: plugins for the lab's hosts, and what uses them. */
export const LabPlugins = z.strictObject({
  /** Plugins that portal, client and gateways load beside those of the packaged configurations. */
  plugins: z.array(PluginEntry).default([]),
  /** Key of the tunnel transport of client and gateways. */
  transport: z.string().optional(),
  /**
   * Commands that serve what plugins ask, run by the shell in the file's folder, on the machine services.example.org and
   * before the portal starts. Each prints a line when it is ready.
   */
  services: z.array(z.string().min(1)).max(8).default([]),
  /** More settings of portal.yaml, client.yaml and gateway.yaml. Plugins there are loaded by that host only. */
  portal: hostSettings(['listen', 'public_url', 'state_folder']),
  client: hostSettings([...OF_PEER, 'account']),
  gateway: hostSettings(OF_PEER),
  /** Settings of the account, as the portal's API takes them. */
  account: z
    .strictObject({
      /** Provider that Ada signs in with, and what she enters into its forms, by the names of the fields. */
      identity_provider: z
        .strictObject({
          type: z.string(),
          settings: Values.default({}),
          answers: z.record(z.string(), z.string()).default({}),
        })
        .optional(),
      /** Key and settings of the gateway selector of the site. */
      selector: z.string().optional(),
      selector_settings: Values.default({}),
      /** Conditions of each policy. */
      conditions: z.array(z.strictObject({ condition: z.string(), settings: Values.default({}) })).default([]),
      upstream_resolvers: z.array(Values).optional(),
    })
    .prefault({}),
})
export type LabPlugins = z.infer<typeof LabPlugins>

/** Plugins of others that a lab runs with. */
export interface BroughtPlugins extends LabPlugins {
  /** Folder of the file: packages are found from there, and relative paths start there. */
  folder: string
}

/**
 * Merges a packaged configuration, the lab's own settings and those of a file of plugins. A plugin that is listed again
 * takes the place of the one before, so that a built-in one can be given another `config`.
 */
export const mergedConfig = (
  host: LabHost,
  packaged: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
  brought: BroughtPlugins | undefined,
): Record<string, unknown> => {
  const more = brought?.[host] ?? {}
  const transport = host === 'portal' || brought?.transport === undefined ? {} : { transport: brought.transport }
  const all = [packaged['plugins'], own['plugins'], brought?.plugins, more['plugins']].flatMap(
    // Those of a file are checked by its schema, the others are the lab's.
    (plugins) => (plugins ?? []) as readonly PluginEntry[],
  )
  const plugins = [...new Map(all.map((entry) => [entry.use, entry])).values()]
  return { ...packaged, ...transport, ...more, ...own, plugins }
}
