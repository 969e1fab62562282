import { existsSync, readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Argument, Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { createPluginModules } from '../runtime/plugin-modules.ts'
import { packageRoot, packageVersion } from '../runtime/process/package-root.ts'
import type { CommandContext } from './context.ts'
import { packageFiles } from './new-plugin/package-files.ts'
import { PLUGIN_KINDS } from './new-plugin/plugin-kind.ts'
import { pluginNames } from './new-plugin/plugin-names.ts'

interface Options {
  javascript?: true
  folder?: string
  json?: true
}

/** Builds `portreeve plugin new`, which writes the package of a plugin. */
export const pluginNewCommand = ({ output }: CommandContext): Command =>
  new Command('new')
    .description(
      'Writes the package of a plugin: it builds, passes its conformance suite and loads, and is yours to change.',
    )
    .addArgument(new Argument('<point>', 'what the plugin replaces').choices(POINTS))
    .argument('<name>', 'its key: lower-case words joined by dashes')
    .option('--javascript', 'write plain JavaScript; by default TypeScript')
    .option('--folder <folder>', 'where to write it; by default a folder named like the package')
    .option('--json', 'print {"folder","package","plugin","point","key","files"}')
    .action(async (point: string, name: string, { javascript, folder: wished, json }: Options) => {
      const kind = PLUGIN_KINDS.find((each) => each.point === point || each.prefix === point)
      if (kind === undefined) throw new OperatorError('USAGE', `there is no extension point ${point}.`)
      if (javascript === true && kind.example !== undefined) {
        throw new OperatorError('USAGE', `NAME is to be ${kind.what}, which is written in TypeScript: it begins with an example of several files.`, 'Leave --javascript out. What it builds in dist is plain JavaScript.') // prettier-ignore
      }
      const names = pluginNames(kind, name, createPluginModules('.').builtin())
      const folder = resolve(wished ?? names.package)
      if (existsSync(folder) && readdirSync(folder).length > 0) {
        throw new OperatorError('FOLDER_NOT_EMPTY', `${folder} is there already, and is not empty.`, 'Choose another name, or another place with --folder.') // prettier-ignore
      }
      const language = javascript === true ? 'javascript' : 'typescript'
      const files = packageFiles({ kind, names, language, product: packageRoot(), version: packageVersion() })
      await mkdir(folder, { recursive: true })
      for (const [file, text] of files) await writeFile(join(folder, file), text, { flag: 'wx' })
      if (json === true) {
        output.json({ folder, package: names.package, plugin: names.plugin, point: kind.point, key: names.key, files: [...files.keys()] }) // prettier-ignore
        return
      }
      output.print(
        [
          `${folder} has ${kind.what}, ${names.plugin}: ${[...files.keys()].toSorted().join(', ')}`,
          '',
          'Next:',
          `  cd ${wished ?? names.package}`,
          '  npm install',
          '  npm test           # the conformance suite; it passes as it is',
          '  npm run check      # loads the plugin as hosts do',
          '  npm run lab        # uses it in the whole system on this machine: Linux, root',
          `Then change ${language === 'javascript' ? 'index.js' : 'index.ts'}, and README.md, which is the man page.`,
        ].join('\n'),
      )
    })
    .addHelpText(
      'after',
      `
Points:
${PLUGIN_KINDS.map(({ point, prefix, what }) => `  ${point.padEnd(20)}or ${prefix.padEnd(11)}${what}`).join('\n')}

Examples:
  $ portreeve plugin new condition office-hours      portreeve-condition-office-hours/
  $ portreeve plugin new facts badge --javascript    plain JavaScript, without a build`,
    )

const POINTS = PLUGIN_KINDS.flatMap(({ point, prefix }) => [point, prefix])
