// The Node.js that the packages bring along: node.json pins it, npm fetches it, and its hash is checked.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PackagingProblem, run, step } from './steps.mjs'

export const NODE = JSON.parse(readFileSync(new URL('node.json', import.meta.url), 'utf8'))

/** Returns the folder of an unpacked Node.js for an architecture (`x64`, `arm64`): `bin/node`, `include/node`, `LICENSE`. */
export const nodeRuntime = async (arch, cache) => {
  const name = `node-linux-${arch}-${NODE.version}`
  const archive = join(cache, `${name}.tgz`)
  const folder = join(cache, name)
  mkdirSync(cache, { recursive: true })
  if (!existsSync(archive) || !isIntact(archive, arch)) {
    rmSync(archive, { force: true })
    await step(`npm pack node-linux-${arch}@${NODE.version} (40 MB)`, () =>
      run('npm', ['pack', `node-linux-${arch}@${NODE.version}`, '--pack-destination', cache]),
    )
    if (!isIntact(archive, arch)) {
      throw new PackagingProblem(`${archive} is not what packaging/node.json names: its sha512 is another.`)
    }
    rmSync(folder, { recursive: true, force: true })
  }
  if (!existsSync(folder)) {
    const partial = `${folder}.partial`
    rmSync(partial, { recursive: true, force: true })
    mkdirSync(partial)
    await run('tar', ['-xzf', archive, '-C', partial, '--strip-components=1'])
    renameSync(partial, folder)
  }
  return folder
}

const isIntact = (archive, arch) =>
  `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}` === NODE.integrity[arch]
