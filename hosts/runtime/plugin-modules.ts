import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { PluginModules } from '../../core/plugin/load-plugins.ts'
import { shareHostPackages } from './host-packages.ts'
import { REHEARSAL_MS, rehearsePlugins } from './rehearse-plugins.ts'

/** Folder of the built-in plugins. */
const PLUGINS = join(dirname(fileURLToPath(import.meta.url)), '../../plugins')

/**
 * Finds built-in plugins in this package's plugins folder, and others as npm packages resolved from the configuration
 * file's folder, wherever this package is installed. A package that the folder itself belongs to is found by its name,
 * as Node.js lets a package import itself.
 */
export const packageFinder = (configFile: string): Omit<PluginModules, 'rehearse'> => {
  const folder = dirname(resolve(configFile))
  return {
    folder,
    builtin: () =>
      readdirSync(PLUGINS, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort(),
    importBuiltin: (name) => import(pathToFileURL(join(PLUGINS, name, `index${extension}`)).href),
    importPackage: async (name) => {
      shareHostPackages()
      return import(pathToFileURL(entryPoint(name, folder)).href)
    },
    packageOf: (name) => {
      const root = packageRootOf(name, folder)
      const { version } = manifestIn(root)
      return { folder: root, version: typeof version === 'string' ? version : undefined }
    },
  }
}

/**
 * Finds, imports and rehearses the plugins of a configuration file. What was rehearsed once is not rehearsed again: a client
 * checks its plugins before the sign-in, and loads them after it.
 */
export const createPluginModules = (configFile: string, { deadlineMs = REHEARSAL_MS } = {}): PluginModules => {
  const rehearsed = new Map<string, Promise<void>>()
  return {
    ...packageFinder(configFile),
    rehearse: async (entries, contexts) => {
      const key = JSON.stringify([entries, contexts])
      const known = rehearsed.get(key)
      if (known !== undefined) return known
      const work = rehearsePlugins({ configFile, entries, contexts }, deadlineMs)
      rehearsed.set(key, work)
      return work
    },
  }
}

/** File extension of plugin modules: `.ts` if the source is run without compilation. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** Valid npm package names, as `name` or `@scope/name`. Paths are refused: they could leave node_modules. */
const PACKAGE_NAME = /^(?:@[a-z0-9-~][a-z0-9-._~]*\/)?[a-z0-9-~][a-z0-9-._~]*$/

/**
 * Returns the file that `import 'name'` would load from a module in `folder`. Node resolves this for the importing
 * module only, and `require.resolve` refuses packages that export for `import` alone.
 */
const entryPoint = (name: string, folder: string): string => {
  const root = packageRootOf(name, folder)
  const { exports, main } = manifestIn(root)
  const target =
    exports === undefined ? (main ?? 'index.js') : importTarget(isSubpaths(exports) ? exports['.'] : exports)
  if (target === undefined) throw new Error(`the package ${name} has no entry for import in its "exports"`)
  return join(root, target)
}

const packageRootOf = (name: string, folder: string): string => {
  const root = PACKAGE_NAME.test(name) ? (ownPackage(name, folder) ?? packageFolder(name, folder)) : undefined
  if (root === undefined) {
    throw Object.assign(new Error(`the package ${name} is not installed`), { code: 'PLUGIN_PACKAGE_MISSING' })
  }
  return root
}

interface Manifest {
  name?: string
  version?: unknown
  exports?: Exports
  main?: string
}
type Exports = string | null | { [condition: string]: Exports }

const manifestIn = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

/** Returns the nearest folder upwards with a package.json if that is of the package `name` and has "exports". */
const ownPackage = (name: string, folder: string): string | undefined => {
  if (existsSync(join(folder, 'package.json'))) {
    const manifest = manifestIn(folder)
    return manifest.name === name && manifest.exports !== undefined ? folder : undefined
  }
  const parent = dirname(folder)
  return parent === folder ? undefined : ownPackage(name, parent)
}

const packageFolder = (name: string, folder: string): string | undefined => {
  const candidate = join(folder, 'node_modules', name)
  if (existsSync(join(candidate, 'package.json'))) return candidate
  const parent = dirname(folder)
  return parent === folder ? undefined : packageFolder(name, parent)
}

const isSubpaths = (exports: Exports): exports is { [subpath: string]: Exports } =>
  typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'))

/** Returns the target of the first condition, in the manifest's order, that applies to an import in Node. */
const importTarget = (exports: Exports | undefined): string | undefined => {
  if (typeof exports === 'string') return exports
  if (exports === null || exports === undefined) return undefined
  for (const [condition, target] of Object.entries(exports)) {
    if (!['node', 'import', 'module-sync', 'default'].includes(condition)) continue
    const found = importTarget(target)
    if (found !== undefined) return found
  }
  return undefined
}
