import { Argument, Command } from 'commander'
import { commandTree, type CommandNode } from './command-tree.ts'
import { bashScript, fishScript, zshScript } from './completion-scripts.ts'
import type { CommandContext } from './context.ts'

const SCRIPTS: Readonly<Record<string, (tree: readonly CommandNode[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** Builds `portreeve completion`, which prints a script that has a shell complete commands, flags and their values. */
export const completionCommand = (
  { output }: Pick<CommandContext, 'output'>,
  wholeProgram: () => Promise<Command>,
): Command =>
  new Command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
    .action(async (shell: string) => {
      output.print(SCRIPTS[shell]?.(commandTree(await wholeProgram())) ?? '')
    })
    .addHelpText(
      'after',
      `
The script is of this version: load it anew after an upgrade.

Examples:
  $ source <(portreeve completion bash)                   in ~/.bashrc
  $ portreeve completion bash > /etc/bash_completion.d/portreeve
  $ source <(portreeve completion zsh)                    in ~/.zshrc, after compinit
  $ portreeve completion fish > ~/.config/fish/completions/portreeve.fish`,
    )
