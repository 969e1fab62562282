import type { z } from 'zod'
import type { Constructor } from '../di.ts'
import type { ExtensionPoint } from './extension-point.ts'

/** The version of the contract between hosts and plugins. A plugin made for another one is refused. */
export const PLUGIN_API = 1

/** An inert value: importing a plugin does nothing, `setup` only declares, I/O begins in `start()`. */
export interface PluginDefinition<Config = unknown> {
  /** `<point>-<name>`, as its folder. */
  readonly name: string
  readonly api: number
  /** The package's own version; the host's for those that come with it. */
  readonly version?: string
  /** The operator's configuration, from the host's file. Strict; without it the plugin takes none. */
  readonly config?: z.ZodType<Config>
  /** A method, so that a definition with a configuration of its own type is a definition. */
  setup(context: PluginContext<Config>): void
}

export interface PluginContext<Config> {
  readonly config: Config
  /**
   * Declares one implementation. The class is built by the host with the ports that its constructor asks for, and its
   * `start` and `stop`, where it has them, are called with the host's.
   */
  readonly provide: <T>(point: ExtensionPoint<T>, key: string, type: Constructor<T>, options?: ProvideOptions) => void
}

export interface ProvideOptions {
  /** The account's settings for it; none by default. */
  readonly settings?: z.ZodType
}

/** Checks the types of a definition, the configuration's against its schema, and returns it as it is. */
export const definePlugin = <Config = undefined>(definition: PluginDefinition<Config>): PluginDefinition => definition
