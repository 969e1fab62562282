import type { Command } from 'commander'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { programOf } from '../hosts/cli/program.ts'
import { blocksOf, commandsIn, operatorDocuments, type DocumentBlock } from './kit/document-blocks.ts'

// Blocks that are marked `run` are run by docs.long.ts.

describe('documents for operators', () => {
  const shellBlocks = async (): Promise<DocumentBlock[]> => {
    const all = await Promise.all((await operatorDocuments()).map(blocksOf))
    return all.flat().filter(({ language }) => language === 'sh')
  }

  it('every block of commands says whether it is run, parsed, or why neither', async () => {
    const blocks = await shellBlocks()
    expect(blocks.length).to.be.greaterThan(30)
    const unmarked = blocks.filter(({ mark }) => !/^(?:run|parse|not-run: \S.{10,}|file=\/\S+)$/.test(mark))
    expect(unmarked.map(({ document, line }) => `${document}:${line}`)).to.deep.equal([])
  })

  it('the command line takes every portreeve command of the documents', async () => {
    const refused: string[] = []
    let count = 0
    for (const block of await shellBlocks()) {
      for (const line of commandsIn(block)) {
        const args = argumentsOf(line)
        if (args === undefined) continue
        count++
        const problem = await problemOf(args)
        if (problem !== undefined) refused.push(`${block.document}:${block.line}: ${line}: ${problem}`)
      }
    }
    expect(refused).to.deep.equal([])
    expect(count).to.be.greaterThan(25)
  })

  it('a command that does not exist, and an option that does not, would be found', async () => {
    expect(await problemOf(['gateway', 'instal'])).to.match(/too many arguments|unknown command/)
    expect(
      await problemOf(['client', 'setup', '--portal', 'https://portal.example.org', '--account', 'x', '--pasted']),
    ).to.match(/unknown option/)
    expect(await problemOf(['client', 'setup', '--account', 'x'])).to.match(/--portal/)
  })
})

/** Returns the arguments of the portreeve command in a line, without quotes; undefined if there is none. */
const argumentsOf = (line: string): string[] | undefined => {
  const [, command] =
    /^(?:.*\| )?portreeve (.*?)(?: >.*)?$/.exec(line.trim()) ?? (line.trim() === 'portreeve' ? ['', ''] : [])
  return command === undefined
    ? undefined
    : [...command.matchAll(/"[^"]*"|'[^']*'|\S+/g)].map(([word]) => word.replaceAll(/["']/g, ''))
}

/** Returns why the command line refuses arguments; undefined if it takes them. No command is carried out. */
const problemOf = async (args: readonly string[]): Promise<string | undefined> => {
  const told: string[] = []
  const output = { print: () => undefined, json: () => undefined, tell: (text: string) => void told.push(text) }
  const program = await programOf({ env: {}, output, exit: () => undefined }, (name) => args.includes(name))
  disarm(program)
  try {
    await program.parseAsync(args, { from: 'user' })
    return undefined
  } catch (error) {
    return told.join(' ') || String(error)
  }
}

/** Makes a command and its subcommands do nothing. */
const disarm = (command: Command): void => {
  if (command.commands.length === 0 || '_actionHandler' in command) command.action(() => undefined)
  for (const inner of command.commands) disarm(inner)
}
