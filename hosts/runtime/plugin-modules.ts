import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Finds the modules of plugins for a host: see `PluginModules` of core/plugin/load-plugins.ts. */
export interface NodePluginModules {
  folder: string
  builtin: () => readonly string[]
  importBuiltin: (name: string) => Promise<unknown>
  importPackage: (name: string) => Promise<unknown>
}

/** The compiled plugins' folder, beside the hosts'. */
const PLUGINS = join(dirname(fileURLToPath(import.meta.url)), '../../plugins')

/**
 * Built-in plugins are the folders that come with this package; others are npm packages as seen from the configuration file's
 * folder, wherever this package itself is installed.
 */
export const createPluginModules = (configFile: string): NodePluginModules => {
  const folder = dirname(resolve(configFile))
  return {
    folder,
    builtin: () =>
      readdirSync(PLUGINS, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort(),
    importBuiltin: (name) => import(pathToFileURL(join(PLUGINS, name, `index${extension}`)).href),
    importPackage: async (name) => import(pathToFileURL(entryPoint(name, folder)).href),
  }
}

/** The source, where it is run without being compiled. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

/** @scope/name or name: no paths, which would leave the package folders. */
const PACKAGE_NAME = /^(?:@[a-z0-9-~][a-z0-9-._~]*\/)?[a-z0-9-~][a-z0-9-._~]*$/

/**
 * The file that `import 'name'` would load in a module of the folder. Node offers that for the importing module itself only, and
 * `require.resolve` refuses packages that are made for `import` alone.
 */
const entryPoint = (name: string, folder: string): string => {
  const root = PACKAGE_NAME.test(name) ? packageFolder(name, folder) : undefined
  if (root === undefined) {
    throw Object.assign(new Error(`the package ${name} is not installed`), { code: 'PLUGIN_PACKAGE_MISSING' })
  }
  const { exports, main } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const target =
    exports === undefined ? (main ?? 'index.js') : importTarget(isSubpaths(exports) ? exports['.'] : exports)
  if (target === undefined) throw new Error(`the package ${name} has no entry for import in its "exports"`)
  return join(root, target)
}

interface Manifest {
  exports?: Exports
  main?: string
}
type Exports = string | null | { [condition: string]: Exports }

const packageFolder = (name: string, folder: string): string | undefined => {
  const candidate = join(folder, 'node_modules', name)
  if (existsSync(join(candidate, 'package.json'))) return candidate
  const parent = dirname(folder)
  return parent === folder ? undefined : packageFolder(name, parent)
}

const isSubpaths = (exports: Exports): exports is { [subpath: string]: Exports } =>
  typeof exports === 'object' && exports !== null && Object.keys(exports).some((key) => key.startsWith('.'))

/** The first condition, in the manifest's order, that holds for an import in Node. */
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
