import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { runCommand } from '../../../hosts/lab/command.ts'
import { packageRoot } from '../../../hosts/runtime/process/package-root.ts'
import { NODE_RELEASES, NODE_WANTED } from '../../kit/node-releases.ts'

describe('the Node.js that the command is run with', function () {
  this.timeout(300_000)
  const main = join(packageRoot(), 'dist/hosts/cli/main.js')
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'node-release-'))))
  after(async () => rm(folder, { recursive: true, force: true }))

  for (const [version, isSupported] of NODE_RELEASES)
    it(`Node.js ${version} is ${isSupported ? 'taken' : 'refused in a sentence that names those that are supported'}`, async () => {
      const fake = join(folder, `${version}.cjs`)
      const versions = `{ ...process.versions, node: '${version}' }`
      await writeFile(fake, `Object.defineProperty(process, 'versions', { value: ${versions} })`)
      const { code, stdout, stderr } = await runCommand(process.execPath, ['--require', fake, main, '--version'])
      expect({ code, stderr }).to.deep.equal(
        isSupported
          ? { code: 0, stderr: '' }
          : { code: 1, stderr: `portreeve: ${NODE_WANTED} is needed; this is ${version}.\n` },
      )
      expect(stdout !== '').to.equal(isSupported)
    })

  it('a Node.js that is too old for the rest can read the command’s first file', async () => {
    const text = await readFile(main, 'utf8')
    const code = text.replace(/^\s*(\/\/|#!).*$/gm, '')
    // Node.js 10 parses the remaining syntax, also as CommonJS.
    expect(code).not.to.match(/=>|`|\?\.|\?\?|^\s*(import|export)\b(?!\()|\bawait\b/m)
  })

  it('the supported Node.js is named alike by the manifest, the command and README.md', async () => {
    const { engines } = JSON.parse(await readFile(join(packageRoot(), 'package.json'), 'utf8')) as {
      engines: { node: string }
    }
    expect(engines.node).to.equal('^20.19.0 || ^22.12.0 || ^24.0.0 || >=26.0.0')
    const readme = await readFile(join(packageRoot(), 'README.md'), 'utf8')
    expect(readme.replace(/\s+/g, ' ')).to.include(NODE_WANTED)
  })
})
