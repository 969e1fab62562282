import type { CommandNode, FlagNode } from './command-tree.ts'

/** Returns the completion script for bash. */
export const bashScript = (tree: readonly CommandNode[]): string => `# Completion of portreeve for bash.
${bashFunction(tree)}
complete -F _portreeve portreeve`

/** Returns the completion script for zsh, which runs the function of bash. */
export const zshScript = (tree: readonly CommandNode[]): string => `# Completion of portreeve for zsh.
autoload -U +X bashcompinit && bashcompinit
${bashFunction(tree)}
complete -F _portreeve portreeve`

/**
 * Writes the function of bash: it follows the words to the command at hand, then offers what that takes. No variable is
 * called path or words, which in zsh have meanings of their own.
 */
const bashFunction = (tree: readonly CommandNode[]): string => {
  const steps = tree.flatMap(({ path, commands }) => commands.map((name) => key([...path, name])))
  const values = tree.flatMap(({ path, flags }) =>
    flags.flatMap((flag) => flag.names.map((name) => ({ at: `${key(path)}|${name}`, action: bashAction(flag) }))),
  )
  const byAction = new Map<string, string[]>()
  for (const { at, action } of values) {
    if (action !== undefined) byAction.set(action, [...(byAction.get(action) ?? []), at])
  }
  return `_portreeve() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" trail='' offer='' dashes='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$trail \${COMP_WORDS[i]}" in
      ${steps.map(quoted).join('|')}) trail="$trail \${COMP_WORDS[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$trail|$prev" in
${[...byAction].map(([action, places]) => `    ${places.map(quoted).join('|')})\n      ${action}\n      return ;;`).join('\n')}
  esac
  case "$trail" in
${tree.map((node) => `    ${quoted(key(node.path))}) offer='${safe([...node.commands, ...node.values]).join(' ')}' dashes='${safe(node.flags.flatMap(({ names }) => names.slice(0, 1))).join(' ')}' ;;`).join('\n')}
  esac
  if [[ "$cur" == -* || -z "$offer" ]]; then offer="$dashes"; fi
  while IFS='' read -r i; do COMPREPLY+=("$i"); done < <(compgen -W "$offer" -- "$cur")
}`
}

/** Returns what completes the value of a flag; undefined if it has none. */
const bashAction = ({ value }: FlagNode): string | undefined => {
  const reply = (how: string): string =>
    `while IFS='' read -r i; do COMPREPLY+=("$i"); done < <(compgen ${how} -- "$cur")`
  if (value === 'none') return undefined
  if (value === 'text') return ':'
  if (value === 'path') return reply('-f')
  return reply(`-W '${safe(value).join(' ')}'`)
}

/** Returns the completion script for fish. */
export const fishScript = (tree: readonly CommandNode[]): string =>
  [
    '# Completion of portreeve for fish.',
    'function __portreeve_at',
    '  set -l words (commandline -opc)',
    "  set -l path ''",
    '  for word in $words[2..-1]',
    '    switch "$path $word"',
    `      case ${tree.flatMap(({ path, commands }) => commands.map((name) => quoted(key([...path, name])))).join(' ')}`,
    '        set path "$path $word"',
    '    end',
    '  end',
    '  test "$path" = "$argv[1]"',
    'end',
    'complete -c portreeve -f',
    ...tree.flatMap((node) => {
      const at = `-n "__portreeve_at '${key(node.path)}'"`
      const words = [...node.commands, ...node.values].map((name) => {
        const inner = tree.find(({ path }) => key(path) === key([...node.path, name]))
        return `complete -c portreeve ${at} -a ${name}${told(inner?.text ?? '')}`
      })
      return [...words, ...node.flags.map((flag) => `complete -c portreeve ${at}${fishFlag(flag)}`)]
    }),
  ].join('\n')

const fishFlag = ({ names, value, text }: FlagNode): string => {
  const spellings = names.map((name) => (name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`))
  const after =
    value === 'none' ? '' : value === 'path' ? ' -r -F' : value === 'text' ? ' -x' : ` -x -a '${safe(value).join(' ')}'`
  return `${spellings.join('')}${after}${told(text)}`
}

/** Returns a description for fish, in its quotes, at most a line long. */
const told = (text: string): string => {
  const [line = ''] = text.split(/[.;:]\s/)
  const plain = line.replaceAll(/[\\']/g, '’').slice(0, 80)
  return plain === '' ? '' : ` -d '${plain}'`
}

/** Joins the words that lead to a command, each with a blank before it. */
const key = (path: readonly string[]): string => path.map((word) => ` ${word}`).join('')

const quoted = (text: string): string => `'${text}'`

/** Leaves out words that a shell would take apart. */
const safe = (words: readonly string[]): readonly string[] => words.filter((word) => /^[\w.:+-]+$/.test(word))
