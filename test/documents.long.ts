import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { runCommand, type CommandResult } from '../hosts/lab/command.ts'
import { packageRoot } from './kit/source-tree.ts'

// Every command in the documents is run here, or its entry names the test that runs it. An unknown command fails the
// test.

const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'config/README.md']

type Handler = { command: RegExp; shows: RegExp } | { command: RegExp; runElsewhere: string }

const HANDLERS: readonly Handler[] = [
  { command: /^npm install --global "\$\(npm pack --silent\)"$/, shows: /added \d+ packages/ },
  { command: /^portreeve --version$/, shows: /^\d+\.\d+\.\d+\n$/ },
  { command: /^portreeve portal init /, shows: /"token":/ },
  {
    command: /^portreeve portal (emergency-code|backup) /,
    runElsewhere: 'test/docs.long.ts, test/hosts/portal/backup.test.ts',
  },
  {
    command: /^portreeve (setup|(gateway|client) setup)\b/,
    runElsewhere: 'test/docs.long.ts, test/hosts/cli/setup.test.ts',
  },
  { command: /^portreeve plugin (check|list) /, shows: /selector-random/ },
  { command: /^portreeve plugin schema /, shows: /"properties"/ },
  { command: /^npm run bench:withdrawal$/, runElsewhere: 'test/bench/withdrawal, by hand' },
  {
    command: /^npm run (bench|bench:tunnel)\b/,
    runElsewhere: 'test/bench, by hand: they measure a machine',
  },
  { command: /^npm (start|test)$/, runElsewhere: 'CI, and test/lab/story.test.ts' },
  { command: /^npm run package$/, runElsewhere: 'test/packaging/packages.long.ts' },
  { command: /^npm run (test:long|test:nodes|check|format|build)\b/, runElsewhere: 'CI, and each landing' },
  { command: /^PORTREEVE_LANE=script npm test$/, runElsewhere: 'test/lab/lane.long.ts' },
  { command: /^portreeve (portal|gateway)  ?--config /, runElsewhere: 'test/hosts/cli, test/lab/endings.test.ts' },
  { command: /^portreeve relay  ?--config /, runElsewhere: 'test/hosts/relay/relay-process.test.ts' },
  { command: /^portreeve (login|group|apply) /, runElsewhere: 'test/hosts/cli/nouns.test.ts and apply.test.ts' },
  { command: /^portreeve (client|explain) /, runElsewhere: 'test/hosts/cli, test/lab/sign-in.test.ts' },
]

/** Lines of the blocks that are commands, without their comments. */
const commandsOf = (text: string): string[] =>
  [...text.matchAll(/^```(?:sh|bash)?\n([\s\S]*?)^```$/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => /^([A-Z_]+=\S+ )*(npm|npx|node|portreeve|sudo|curl|ssh|chmod) /.test(line))

describe('every command of the documents', function () {
  this.timeout(900_000)
  let folder: string
  let env: Record<string, string>
  const commands: { document: string; command: string }[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-documents-'))
    // Folders of this test replace the machine's own.
    const prefix = join(folder, 'prefix')
    await mkdir(prefix)
    env = { npm_config_prefix: prefix, PATH: `${join(prefix, 'bin')}${delimiter}${process.env['PATH'] ?? ''}` }
    const example = await readFile(join(packageRoot(), 'config/portal.yaml'), 'utf8')
    const configuration = example.replace(/^state_folder:.*$/m, `state_folder: ${join(folder, 'state')}`)
    await writeFile(join(folder, 'portal.yaml'), configuration)
    for (const document of DOCUMENTS) {
      const text = await readFile(join(packageRoot(), document), 'utf8')
      for (const command of commandsOf(text)) commands.push({ document, command })
    }
  })
  after(async () => rm(folder, { recursive: true, force: true }))

  const run = async (command: string): Promise<CommandResult> =>
    runCommand('sh', ['-c', command], {
      cwd: command.includes('npm pack') ? packageRoot() : folder,
      env,
      timeoutMs: 500_000,
    })

  it('every command of the documents is run by a test, and does what the document says', async () => {
    expect(commands.length).to.be.greaterThan(15)
    for (const { document, command } of commands) {
      const handler = HANDLERS.find((each) => each.command.test(command))
      expect(handler, `${document} has a command that no test knows: ${command}`).not.to.equal(undefined)
      if (handler === undefined || 'runElsewhere' in handler) continue
      const { code, stdout, stderr } = await run(command)
      expect(code, `${document}: ${command}\n${stdout}${stderr}`).to.equal(0)
      expect(stdout + stderr, `${document}: ${command}`).to.match(handler.shows)
    }
  })
})
