import { expect } from 'chai'
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { toHex } from '../../../core/crypto/text-encoding.ts'
import { keptDeviceKey } from '../../../hosts/client/kept-device-key.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'

describe('the key that a folder keeps for a device', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-device-key-'))
  })
  afterEach(async () => rm(folder, { recursive: true }))

  const kept = async (seed: number, at = folder) => toHex((await keptDeviceKey(at, new SeededRandom(seed))).publicKey)
  const error = async () =>
    keptDeviceKey(folder, new SeededRandom(1)).then(
      () => Promise.reject(new Error('was taken')),
      (refused: { code: string }) => refused.code,
    )

  it('a folder’s device key is made once, for its owner only, and stays', async () => {
    const inner = join(folder, 'not', 'there', 'yet')
    const first = await kept(1, inner)
    expect(await kept(2, inner)).to.equal(first)
    expect(await readdir(inner)).to.deep.equal(['device-key'])
    expect((await stat(join(inner, 'device-key'))).mode & 0o777).to.equal(0o600)
  })

  it('a folder’s device key is another one in each folder', async () => {
    expect(await kept(1, join(folder, 'a'))).not.to.equal(await kept(2, join(folder, 'b')))
  })

  it('a folder’s device key is the same for all that ask for the first time at once', async () => {
    const keys = await Promise.all([1, 2, 3, 4, 5, 6].map(async (seed) => kept(seed)))
    expect(new Set(keys)).to.have.length(1)
  })

  it('a folder’s device key is refused where others may read it, and where it is malformed', async () => {
    await kept(1)
    await chmod(join(folder, 'device-key'), 0o640)
    expect(await error()).to.equal('SECRET_FILE_MODE')
    await rm(join(folder, 'device-key'))
    for (const text of ['', 'abc', 'A'.repeat(44), 'A'.repeat(5_000)]) {
      await writeFile(join(folder, 'device-key'), text, { mode: 0o600 })
      expect(await error()).to.equal('SECRET_FILE_INVALID')
    }
  })
})
