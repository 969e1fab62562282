import { expect } from 'chai'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { derivedKey, loadSecretKey } from '../../../../hosts/portal/identity/secret-key.ts'
import { SeededRandom } from '../../../kit/seeded-random.ts'

describe("the portal's secret key", () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portreeve-key-'))
  })
  afterEach(async () => rm(directory, { recursive: true }))

  const load = async (environment = {}, seed = 'a') =>
    loadSecretKey({ directory, environment, random: new SeededRandom(seed) })
  const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: unknown) => (error as { code: string }).code)

  it("the portal's secret key is made at the first start, for its owner only, and is the same ever after", async () => {
    const key = await load()
    expect(key).to.have.length(32)
    expect((await stat(join(directory, 'secret-key'))).mode & 0o777).to.equal(0o600)
    expect(await load({}, 'b')).to.deep.equal(key)
  })

  it("the portal's secret key is taken from the environment where it is there, and no file is made", async () => {
    expect(await load({ PORTREEVE_SECRET_KEY: 'ab'.repeat(32) })).to.deep.equal(new Uint8Array(32).fill(0xab))
    expect(await codeOf(readFile(join(directory, 'secret-key')))).to.equal('ENOENT')
  })

  it("the portal's secret key is refused where others can read it, or where it is malformed", async () => {
    await load()
    await chmod(join(directory, 'secret-key'), 0o640)
    expect(await codeOf(load())).to.equal('SECRET_KEY_EXPOSED')
    await chmod(join(directory, 'secret-key'), 0o600)
    await writeFile(join(directory, 'secret-key'), 'short')
    expect(await codeOf(load())).to.equal('SECRET_KEY_INVALID')
    expect(await codeOf(load({ PORTREEVE_SECRET_KEY: 'short' }))).to.equal('SECRET_KEY_INVALID')
  })

  it("the portal's secret key gives each purpose a key of its own", async () => {
    const key = await load()
    expect(derivedKey(key, 'tokens')).not.to.deep.equal(derivedKey(key, 'cookies'))
  })
})
