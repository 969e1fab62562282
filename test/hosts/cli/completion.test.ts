import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { portreeve } from '../../kit/command-line.ts'

const run = promisify(execFile)

/** Asks bash for completions as readline does: by the function that `complete` has registered. */
const ASK = String.raw`
source "$1"
[[ "$(complete -p portreeve)" =~ -F\ ([^ ]+) ]] || exit 1
function=${'${BASH_REMATCH[1]}'}
ask() {
  COMP_WORDS=(portreeve "$@") COMP_CWORD=$# COMP_LINE="portreeve $*" COMP_POINT=${'${#COMP_LINE}'}
  COMPREPLY=()
  "$function" portreeve "${'${COMP_WORDS[COMP_CWORD]}'}" "${'${COMP_WORDS[COMP_CWORD-1]}'}"
  printf '%s,' "${'${COMPREPLY[@]}'}"
  echo
}
while IFS='' read -r line; do eval "ask $line"; done
`

describe('the completion of the command line', () => {
  let folder: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'completion-'))
  })
  after(async () => rm(folder, { recursive: true }))

  /** Returns what bash offers for lines that end at the last word, which may be empty. */
  const offered = async (...lines: readonly string[]): Promise<string[][]> => {
    const { printed, code } = await portreeve(['completion', 'bash'])
    expect(code).to.equal(0)
    const script = join(folder, 'portreeve.bash')
    await writeFile(script, `${printed}\n`)
    await writeFile(join(folder, 'ask'), ASK)
    const asked = run('bash', ['--norc', '--noprofile', join(folder, 'ask'), script], { cwd: folder })
    asked.child.stdin?.end(`${lines.join('\n')}\n`)
    const { stdout, stderr } = await asked
    expect(stderr).to.equal('')
    return stdout.split('\n').map((line) => line.split(',').filter((word) => word !== ''))
  }

  it('bash completes commands, their subcommands, flags, and the values and files that these take', async () => {
    await writeFile(join(folder, 'access.yaml'), '')
    const [first, commands, words, flags, values, files, text, shells, nested, none] = await offered(
      "''",
      "res''",
      "site ''",
      'policy create --con',
      "policy create --mode ''",
      'apply --file acc',
      "site list --search ''",
      "completion ''",
      "token create ''",
      'nonsense --x',
    )
    expect(first).to.include.members(['portal', 'site', 'apply', 'completion'])
    expect(commands).to.deep.equal(['resource'])
    expect(words).to.include.members(['list', 'show', 'create', 'edit', 'delete'])
    expect(flags).to.deep.equal(['--conditions'])
    expect(values).to.deep.equal(['enforced', 'shadow'])
    expect(files).to.deep.equal(['access.yaml'])
    expect(text).to.deep.equal([])
    expect(shells).to.deep.equal(['bash', 'zsh', 'fish'])
    expect(nested).to.include.members(['api', 'client', 'gateway', 'relay'])
    expect(none).to.deep.equal([])
  })

  it('bash completes nothing that a line could make it run', async () => {
    const [offer] = await offered("site show '$(touch run; echo x)' ''")
    expect(offer?.every((word) => word.startsWith('--'))).to.equal(true)
    expect((await run('ls', [folder])).stdout).not.to.match(/^run$/m)
  })

  it('scripts for zsh and fish have the same commands and flags, and no quote that ends too early', async () => {
    const zsh = (await portreeve(['completion', 'zsh'])).printed
    expect(zsh).to.include('bashcompinit').and.include("' resource create'")
    const fish = (await portreeve(['completion', 'fish'])).printed
    expect(fish).to.match(/__portreeve_at ' policy create'" -l mode -x -a 'enforced shadow'/)
    for (const line of fish.split('\n')) expect(line.split("'").length % 2, line).to.equal(1)
    expect((await portreeve(['completion', 'tcsh'])).code).to.equal(2)
  })
})
