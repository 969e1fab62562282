import { createInterface } from 'node:readline/promises'
import type { CommandContext } from './context.ts'

/**
 * Asks a person to confirm something; true without a question where nobody is at a terminal, and where the command was told
 * not to ask. `question` is called only if somebody is asked.
 */
export const confirmed = async (
  question: () => Promise<string>,
  { yes, context: { confirm } }: { yes: boolean | undefined; context: Pick<CommandContext, 'confirm'> },
): Promise<boolean> => {
  if (yes === true) return true
  if (confirm !== undefined) return confirm(await question())
  return !process.stdin.isTTY || !process.stderr.isTTY || onTerminal(await question())
}

const onTerminal = async (question: string): Promise<boolean> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
