import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { packageRoot } from '../kit/source-tree.ts'

const ROLES = ['portal', 'gateway', 'client']
const unitPath = (role: string): string => join(packageRoot(), 'packaging/systemd', `portreeve-${role}.service`)
const analyze = (args: readonly string[]) =>
  spawnSync('systemd-analyze', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', SYSTEMD_COLORS: '0' } })
const isInstalled = analyze(['--version']).status === 0

describe('the services of systemd', () => {
  it('a service is exposed by less than 3.0 of 10, as systemd judges it', function () {
    if (!isInstalled) this.skip()
    for (const role of ROLES) {
      const { status, stdout } = analyze(['security', '--offline=yes', '--no-pager', '--threshold=29', unitPath(role)])
      expect(status, `${role}: ${stdout.trim().split('\n').at(-1)}`).to.equal(0)
    }
  })

  it('systemd understands every line of a service', function () {
    if (!isInstalled) this.skip()
    const folder = mkdtempSync(join(tmpdir(), 'portreeve-units-'))
    try {
      for (const role of ROLES) {
        const file = join(folder, `portreeve-${role}.service`)
        copyFileSync(unitPath(role), file)
        const { stdout, stderr } = analyze(['verify', '--man=no', '--recursive-errors=no', file])
        // The command itself is installed by the package only.
        const found = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !/is not executable/.test(line))
        expect(found).to.deep.equal([])
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('a service starts only with its configuration, has its secrets as credentials, and always comes back', () => {
    for (const role of ROLES) {
      const lines = readFileSync(unitPath(role), 'utf8').split('\n')
      expect(lines).to.include.members([
        `ConditionPathExists=/etc/portreeve/${role}.yaml`,
        `LoadCredential=${role}:/etc/portreeve/secrets/${role}`,
        `StateDirectory=portreeve/${role}`,
        'Type=notify',
        'Restart=always',
        'StartLimitIntervalSec=0',
        'Wants=network-online.target',
      ])
      expect(lines.some((line) => /^After=.*network-online\.target/.test(line))).to.equal(true)
    }
    expect(readFileSync(unitPath('portal'), 'utf8')).to.include('\nUser=portreeve\n')
  })
})
