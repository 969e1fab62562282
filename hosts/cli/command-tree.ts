import type { Command, Option } from 'commander'

/** A command as completion sees it. */
export interface CommandNode {
  /** Words that lead to it, such as `site create`; none for the program itself. */
  path: readonly string[]
  text: string
  /** Names of its subcommands. */
  commands: readonly string[]
  flags: readonly FlagNode[]
  /** Values that its next argument may have; none if they are not known. */
  values: readonly string[]
}

/** An option of a command. */
export interface FlagNode {
  /** Spellings, the long one first, such as `--file` and `-f`. */
  names: readonly string[]
  text: string
  /** Kind of value that follows the option: none, a path, one of a few words, or any text. */
  value: 'none' | 'path' | 'text' | readonly string[]
}

/** Returns a command and all commands below it, each before those below it. */
export const commandTree = (command: Command, path: readonly string[] = []): CommandNode[] => {
  const inner = command.commands.filter((each) => each.name() !== 'help')
  const [argument] = command.registeredArguments
  const node: CommandNode = {
    path,
    text: command.description(),
    commands: inner.map((each) => each.name()),
    flags: [...command.options.map(flagNode), HELP],
    values: argument?.argChoices ?? [],
  }
  return [node, ...inner.flatMap((each) => commandTree(each, [...path, each.name()]))]
}

const HELP: FlagNode = { names: ['--help', '-h'], text: 'help for a command', value: 'none' }

const flagNode = (option: Option): FlagNode => ({
  names: [option.long, option.short].filter((name) => name !== undefined && name !== null),
  text: option.description,
  value: valueOf(option),
})

const valueOf = ({ required, optional, argChoices, flags }: Option): FlagNode['value'] => {
  if (!required && !optional) return 'none'
  if (argChoices !== undefined) return argChoices
  return /<[^>]*(?:file|folder|path)[^>]*>/.test(flags) ? 'path' : 'text'
}
