import { expect } from 'chai'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { toHex } from '../../../core/crypto/text-encoding.ts'
import { PortalConfig } from '../../../hosts/portal/config.ts'
import { openRows } from '../../../hosts/portal/open-rows.ts'
import { openDialect } from '../../../hosts/portal/store/open-dialect.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { SeededRandom } from '../../kit/seeded-random.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const KEY = 'ab'.repeat(32)

describe('the secret key and the database', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portreeve-rows-'))
  })
  afterEach(async () => rm(folder, { recursive: true }))

  const ports = () => ({ clock: new VirtualClock(), random: new SeededRandom(1), logger: new RecordingLogger() })
  /** Opens the rows with this key from the environment and closes them; returns `open` or the error. */
  const start = async (key: string): Promise<unknown> => {
    const config = PortalConfig.parse({ state_folder: folder, plugins: [] })
    try {
      const { store } = await openRows({ config, environment: { PORTREEVE_SECRET_KEY: key }, ...ports() })
      await store.close()
      return 'open'
    } catch (error) {
      return error
    }
  }
  const database = () => openDialect({ driver: 'sqlite', file: join(folder, 'portal.sqlite') }, ports())

  it('the secret key and the database go together: a process with another key does not start, and says what to do', async () => {
    expect(await start(KEY)).to.equal('open')
    const refused = await start('cd'.repeat(32))
    expect(refused).to.include({ code: 'SECRET_KEY_OTHER' })
    expect(refused).to.have.property('remedy').that.includes('PORTREEVE_SECRET_KEY')
    expect(await start(KEY)).to.equal('open')
  })

  it('the secret key and the database meet at the first start of a database that knows none, and the key is not in it', async () => {
    await start(KEY)
    const { knex, close } = database()
    const [{ value }] = (await knex('key_check')) as [{ value: string }]
    expect(value).not.to.equal(KEY)
    expect(value).to.match(/^[0-9a-f]{64}$/)
    await knex('key_check').delete()
    await close()
    expect(await start(toHex(new Uint8Array(32)))).to.equal('open')
    expect(await start(KEY)).to.include({ code: 'SECRET_KEY_OTHER' })
  })
})
