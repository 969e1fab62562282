import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The arguments that make Node run one of the lab's own small programs, `program/NAME`. */
export const labProgram = (name: string): string[] => [...process.execArgv, pathOf(`./program/${name}`)]

/** The arguments that make Node run the command line. */
export const portreeve = (...args: readonly string[]): string[] => [...process.execArgv, pathOf('../cli/main'), ...args]

/** The source, where it is run without being compiled. */
const extension = extname(import.meta.url)

const pathOf = (module: string): string => join(fileURLToPath(new URL('.', import.meta.url)), `${module}${extension}`)
