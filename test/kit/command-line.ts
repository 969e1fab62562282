import { run } from '../../hosts/cli/program.ts'

/** Standard output, standard error and exit code of a command. */
export interface Outcome {
  code: number
  printed: string
  told: string
}

/** Runs the command line in this process, with an environment and answers to its questions. */
export const portreeve = async (
  args: readonly string[],
  {
    env = {},
    ...more
  }: {
    env?: NodeJS.ProcessEnv
    readHidden?: () => Promise<string>
    confirm?: (question: string) => Promise<boolean>
    ask?: (question: string) => Promise<string>
  } = {},
): Promise<Outcome> => {
  const [printed, told]: [string[], string[]] = [[], []]
  const code = await run(args, {
    ...more,
    env: { ...env },
    output: {
      print: (text) => printed.push(text),
      json: (value) => printed.push(JSON.stringify(value)),
      tell: (text) => told.push(text),
    },
  })
  return { code, printed: printed.join('\n'), told: told.join('\n') }
}
