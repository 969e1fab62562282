import { realpathSync } from 'node:fs'
import { sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { stackText } from '../../../core/plugin/error-text.ts'

/** Tells by an error's stack which plugin package it comes from. Plugins that come with the host are not among them. */
export class PluginFolders {
  /** Beginnings of the places that a stack names, with the plugin's name. */
  readonly #places: readonly (readonly [string, string])[]

  /** `folders` are those of the packages, by the names of their plugins. */
  constructor(folders: ReadonlyMap<string, string>) {
    this.#places = [...folders].flatMap(([plugin, folder]) => {
      const real = realpathSync(folder)
      return [`${real}${sep}`, `${pathToFileURL(real).href}/`].map((place) => [place, plugin] as const)
    })
  }

  /** Returns the name of the plugin whose own code is in the error's stack; undefined if there is none. */
  pluginOf(error: unknown): string | undefined {
    const lines = stackText(error).split('\n')
    // The host itself may be installed in the package's folder.
    const leadsTo = (place: string) => (line: string) => line.includes(place) && !line.includes(`${place}node_modules`)
    const [, plugin] = this.#places.find(([place]) => lines.some(leadsTo(place))) ?? []
    return plugin
  }
}
