import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PackageFolder } from './package-folder.ts'
import { packageRoot } from './source-tree.ts'

const root = packageRoot()
const FIXTURES = join(root, 'test/fixture/plugin')
const TIMEOUT_MS = 200_000

/** Names of the example packages. */
export const EXAMPLES: readonly string[] = readdirSync(FIXTURES).filter((name) => name.startsWith('portreeve-'))

/** Example plugins: built and packed in their author's folder, and installed from there beside an operator's files. */
export class InstalledExamples {
  readonly author = new PackageFolder()
  readonly operator = new PackageFolder()

  /** Builds, packs and installs all examples, offline: they need nothing but their peer dependency. */
  async install(): Promise<void> {
    for (const name of EXAMPLES) cpSync(join(FIXTURES, name), join(this.author.path, name), { recursive: true })
    this.author.linkPeers()
    mkdirSync(join(this.author.path, 'node_modules/@types'))
    for (const types of ['mocha', 'node']) {
      symlinkSync(join(root, 'node_modules/@types', types), join(this.author.path, 'node_modules/@types', types))
    }
    const projects = EXAMPLES.filter((name) => readdirSync(join(FIXTURES, name)).includes('tsconfig.json'))
    await Promise.all(projects.map((name) => this.run(this.author, tool('tsc'), ['-p', name])))
    await this.run(this.author, 'npm', ['pack', ...EXAMPLES.map((name) => `./${name}`)])
    const archives = readdirSync(this.author.path).filter((name) => name.endsWith('.tgz'))
    writeFileSync(join(this.operator.path, 'package.json'), '{ "private": true }')
    const settings = ['--offline', '--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund']
    await this.run(this.operator, 'npm', [
      'install',
      ...settings,
      ...archives.map((name) => join(this.author.path, name)),
    ])
    this.operator.linkPeers()
  }

  /** Runs the tests of all examples, as their authors do. Returns the files of the tests that passed, and the failures. */
  async test(): Promise<{ passed: readonly string[]; failed: readonly string[] }> {
    const files = EXAMPLES.flatMap((name) => [`${name}/*.test.js`, `${name}/dist/*.test.js`])
    const printed = await this.run(this.author, tool('mocha'), ['--reporter', 'json', '--timeout', '20000', ...files])
    const { passes, failures } = JSON.parse(printed) as Record<
      'passes' | 'failures',
      { file: string; fullTitle: string }[]
    >
    return { passed: passes.map(({ file }) => file), failed: failures.map(({ fullTitle }) => fullTitle) }
  }

  /** Runs a program in a folder and returns what it prints; `input` is its standard input. */
  async run(folder: PackageFolder, file: string, parameters: readonly string[], input = ''): Promise<string> {
    const running = promisify(execFile)(file, parameters, { cwd: folder.path, timeout: TIMEOUT_MS, maxBuffer: 2 ** 25 })
    running.child.stdin?.end(input)
    return (await running).stdout
  }

  remove(): void {
    for (const folder of [this.author, this.operator]) folder.remove()
  }
}

const tool = (name: string): string => join(root, 'node_modules/.bin', name)
