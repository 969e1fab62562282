import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Returns the arguments with which Node runs the lab's program `program/NAME`. */
export const labProgram = (name: string): string[] => [...process.execArgv, pathOf(`./program/${name}`)]

/** Returns the arguments with which Node runs the command line. */
export const portreeve = (...args: readonly string[]): string[] => [...process.execArgv, pathOf('../cli/main'), ...args]

/** File extension of the modules: `.ts` if the source is run without compilation. */
const extension = extname(import.meta.url)

const pathOf = (module: string): string => join(fileURLToPath(new URL('.', import.meta.url)), `${module}${extension}`)
