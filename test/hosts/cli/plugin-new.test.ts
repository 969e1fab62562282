import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { installPackedProduct, linkPackages } from '../../kit/packed-product.ts'
import { packageRoot } from '../../kit/source-tree.ts'

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Script that runs the commands of its second argument with the program at its first. */
const COMMANDS = `
const [, , program, commands] = process.argv
const { run } = await import(program)
const outcomes = []
for (const command of JSON.parse(commands)) {
  const [printed, told] = [[], []]
  const output = { print: (text) => printed.push(text), json: (value) => printed.push(JSON.stringify(value)), tell: (text) => told.push(text) }
  outcomes.push({ code: await run(command, { env: {}, output }), stdout: printed.join('\\n'), stderr: told.join('\\n') })
}
console.log(JSON.stringify(outcomes))
`

const KINDS = ['identity', 'condition', 'facts', 'resolver', 'selector', 'relay', 'transport'] as const

describe('portreeve plugin new, of the product as it is published', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portreeve-new-'))
  /** Folder of an author, which the product is linked into, and not installed beside. */
  const author = join(folder, 'author')
  let product: string

  const runIn = async (place: string, parameters: readonly string[]): Promise<Outcome> =>
    promisify(execFile)(process.execPath, parameters, { cwd: place, timeout: 200_000, maxBuffer: 2 ** 26 }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: Outcome) => ({ code, stdout, stderr }),
    )
  /** Runs commands of the product, one after the other in one process. */
  const portreeve = async (...commands: string[][]): Promise<Outcome[]> => {
    writeFileSync(join(folder, 'commands.mjs'), COMMANDS)
    const program = join(product, 'dist/hosts/cli/program.js')
    const { stdout, stderr } = await runIn(author, [join(folder, 'commands.mjs'), program, JSON.stringify(commands)])
    expect(stdout, stderr).not.to.equal('')
    return JSON.parse(stdout) as Outcome[]
  }
  const packages = () => readdirSync(author).filter((name) => name.startsWith('portreeve-'))

  before(async function () {
    this.timeout(300_000)
    product = await installPackedProduct(join(folder, 'installed'))
    linkPackages(author, ['chai', 'fast-check', '@types/node'])
    symlinkSync(product, join(author, 'node_modules/portreeve'))
    const written = await portreeve(
      ...KINDS.map((kind) => ['plugin', 'new', kind, `own-${kind}`, ...(kind === 'facts' ? ['--javascript'] : [])]),
    )
    for (const { code, stderr } of written) expect(code, stderr).to.equal(0)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('X1 a new package of each extension point builds and passes the conformance suite of its point', async function () {
    this.timeout(120_000)
    const typed = packages().filter((name) => existsSync(join(author, name, 'tsconfig.json')))
    expect(typed).to.have.length(KINDS.length - 1)
    const tsc = join(packageRoot(), 'node_modules/typescript/bin/tsc')
    expect(await runIn(author, [tsc, '-b', ...typed])).to.deep.equal({ code: 0, stdout: '', stderr: '' })
    // One process for all, as node:test runs what is imported, and few random samples: the suites themselves are tested elsewhere.
    const tests = packages().map((name) => join(name, typed.includes(name) ? 'dist' : '.', 'index.test.js'))
    const imports = tests.map((test) => `await import('./${test}')\n`)
    const few = "import fc from 'fast-check'\nfc.configureGlobal({ numRuns: 10 })\n"
    writeFileSync(join(author, 'all.mjs'), [few, ...imports].join(''))
    const { code, stdout } = await runIn(author, ['all.mjs'])
    expect(code, stdout.match(/^not ok [^]*?\.\.\.$/gm)?.join('\n')).to.equal(0)
    for (const kind of KINDS) expect(stdout).to.match(new RegExp(`ok \\d+ - .* own-${kind} `))
  })

  it('X1 a new package of each extension point is loaded, under its names, from its own folder', async () => {
    // One configuration that names all of them, in a folder where they are installed.
    for (const name of packages()) symlinkSync(join(author, name), join(author, 'node_modules', name))
    const file = join(author, 'all.yaml')
    writeFileSync(
      file,
      `plugins: [${packages()
        .map((name) => `{ use: ${name}${configOf(name)} }`)
        .join()}]`,
    )
    // Each has a configuration that loads it at home, where it is not installed.
    const condition = join(folder, 'home')
    cpSync(join(author, 'portreeve-condition-own-condition'), condition, { recursive: true })
    const check = (file: string) => ['plugin', 'check', '--config', file, '--json']
    const [all, alone] = await portreeve(check(file), check(join(condition, 'lab.yaml')))
    expect(all?.stdout, all?.stderr).not.to.equal('')
    const { plugins } = JSON.parse(all?.stdout ?? '') as {
      plugins: { name: string; version: string; provides: { key: string }[] }[]
    }
    expect(plugins.map(({ name, version, provides }) => [name, version, provides[0]?.key])).to.deep.equal(
      packages().map((name) => [name.replace('portreeve-', ''), '0.1.0', `own-${name.split('-')[1] ?? ''}`]),
    )
    expect(alone?.stdout, alone?.stderr).to.include('"key":"own-condition"')
  })

  it('a new package has its names everywhere, a man page, and development dependencies', () => {
    for (const name of packages()) {
      const files = readdirSync(join(author, name)).filter((file) => /\.(?:ts|js|md|yaml|json)$/.test(file))
      for (const file of files) {
        expect(readFileSync(join(author, name, file), 'utf8'), `${name}/${file}`).not.to.match(/new[-_]one/)
      }
      const page = readFileSync(join(author, name, 'README.md'), 'utf8')
      for (const section of ['Name', 'Synopsis', 'Description', 'Settings', 'Errors', 'Examples', 'Development']) {
        expect(page, name).to.include(`**${section}**`)
      }
      const manifest = JSON.parse(readFileSync(join(author, name, 'package.json'), 'utf8')) as Record<string, object>
      expect(manifest).to.include({ name }).and.to.have.nested.property('scripts.lab').that.includes('lab.yaml')
      expect(manifest['devDependencies'])
        .to.include({ portreeve: `file:${product}` })
        .and.to.include.keys('fast-check')
    }
  })

  it('portreeve plugin new overwrites nothing, and says which names do not fit', async () => {
    const cases: [string[], number, RegExp][] = [
      [['condition', 'own-condition'], 1, /FOLDER_NOT_EMPTY.*portreeve-condition-own-condition/],
      [['condition', 'Office'], 2, /lower-case words joined by dashes/],
      [['condition', 'condition-office'], 2, /Write office/],
      [['condition', 'remote-ip'], 2, /a built-in plugin condition-remote-ip already/],
      [['facts', 'device'], 2, /hosts keep/],
      [['transport', 'own', '--javascript'], 2, /TypeScript/],
      [['conditions', 'own'], 2, /policy-conditions/],
    ]
    const outcomes = await portreeve(...cases.map(([parameters]) => ['plugin', 'new', ...parameters]))
    for (const [index, [, code, says]] of cases.entries()) {
      expect(outcomes[index]?.stderr).to.match(says)
      expect(outcomes[index]?.code).to.equal(code)
    }
    expect(packages()).to.have.length(KINDS.length)
  })
})

const configOf = (name: string): string =>
  /-(?:facts|relay)-/.test(name) ? ', config: { url: http://127.0.0.1:1/ }' : ''
