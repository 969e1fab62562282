import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { skipBecause } from '../kit/skip-because.ts'
import { packageRoot } from '../kit/source-tree.ts'

/** Checks compose files by the schema of their specification; installed by hosts/lab/api-checkers.mjs. */
const DCLINT = join(packageRoot(), 'node_modules/.cache/portreeve-api-checkers/node/node_modules/.bin/dclint')

interface Linted {
  messages: { rule: string; message: string }[]
}

describe('the compose file, by its specification', () => {
  it('the compose file has the form that the specification’s schema demands', function () {
    this.timeout(120_000)
    if (!existsSync(DCLINT)) skipBecause(this, 'needs dclint, which node hosts/lab/setup.mjs long installs')
    const file = join(packageRoot(), 'packaging/compose/compose.yaml')
    const { stdout } = spawnSync(DCLINT, ['-f', 'json', file], { encoding: 'utf8' })
    const [linted] = JSON.parse(stdout) as Linted[]
    expect(linted, stdout).to.have.property('messages')
    // Its other rules are a matter of taste: the order of keys, quotes, ports of all interfaces.
    const wrong = linted?.messages.filter(({ rule }) => rule.startsWith('invalid-')) ?? []
    expect(wrong).to.deep.equal([])
  })
})
