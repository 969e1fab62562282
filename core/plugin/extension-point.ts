import { token, type Token } from '../di.ts'

/** A kind of plugin. Its value in a host's container is a map of what the loaded plugins provide, by key. */
export interface ExtensionPoint<T> {
  readonly name: string
  readonly token: Token<Extensions<T>>
}

/** What is provided at one extension point: key -> provided thing. */
export type Extensions<T> = ReadonlyMap<string, Extension<T>>

export interface Extension<T> {
  readonly key: string
  /** The plugin that provides it, as its definition names it. */
  readonly plugin: string
  /** The plugin's version, which decisions are recorded with. */
  readonly version: string
  readonly value: T
  /** Validates and describes the account's settings for it. */
  readonly settings: SettingsSchema
}

/** What is needed of a zod schema; a plugin's own copy of zod serves as well. */
export interface SettingsSchema {
  safeParse: (value: unknown) => SettingsVerdict
  /** JSON Schema (2020-12) of the settings; secrets, at whatever depth, have `writeOnly: true`. */
  jsonSchema: () => Record<string, unknown>
}

export type SettingsVerdict = { ok: true; settings: unknown } | { ok: false; problems: readonly SettingsProblem[] }

export interface SettingsProblem {
  /** `hours[0].from`, empty for the whole. */
  path: string
  message: string
}

export const extensionPoint = <T>(name: string): ExtensionPoint<T> => ({ name, token: token(`extensions/${name}`) })
