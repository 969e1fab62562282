import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { keptId } from '../../../hosts/peer/kept-id.ts'
import { userAgent } from '../../../hosts/peer/user-agent.ts'

describe('what a peer says of itself', () => {
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-id-'))
  })

  afterEach(() => rm(folder, { recursive: true }))

  it('a peer’s id is the same at every start, in a file of its own', async () => {
    const state = join(folder, 'state')
    expect(await keptId(state, () => 'first')).to.equal('first')
    expect(await keptId(state, () => 'second')).to.equal('first')
    expect((await stat(join(state, 'id'))).mode & 0o777).to.equal(0o600)
  })

  it('a peer’s user agent is one that portals can read', () => {
    expect(userAgent('gateway', '0.1.0')).to.match(
      /^[A-Za-z0-9 ._-]+\/\d+\.\d+\.\d+ gateway\/0\.1\.0 \([a-z0-9]+; \S+\)$/,
    )
  })
})
