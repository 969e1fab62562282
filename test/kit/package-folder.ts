import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from './source-tree.ts'

/**
 * A temporary folder like an operator's: a configuration file beside a `node_modules` that holds this package and zod.
 */
export class PackageFolder {
  readonly path: string
  readonly configFile: string

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'portreeve-packages-'))
    this.configFile = join(this.path, 'portal.yaml')
    mkdirSync(join(this.path, 'node_modules'))
  }

  /** Makes `portreeve` and `zod` resolvable, like installed peer dependencies. */
  linkPeers(): void {
    symlinkSync(packageRoot(), join(this.path, 'node_modules/portreeve'))
    symlinkSync(join(packageRoot(), 'node_modules/zod'), join(this.path, 'node_modules/zod'))
  }

  /** Copies a folder of test/fixture/plugin into node_modules. */
  copyFixture(fixture: string, name: string): void {
    cpSync(join(packageRoot(), 'test/fixture/plugin', fixture), join(this.path, 'node_modules', name), {
      recursive: true,
    })
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
