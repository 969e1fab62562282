import { execFile } from 'node:child_process'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { lacking, pairingsOf, programsOf } from './program.ts'

const RUN = 'dist/test/interop/run.js'

describe('npm run interop', () => {
  it('npm run interop without programs of released peers says which it wants and ends with 2', async () => {
    const { FIREZONE_GATEWAY: _gateway, FIREZONE_CLIENT: _client, ...others } = process.env
    const env = { ...others, FIREZONE_CLIENT: '/opt/client' }
    const ended = await new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [RUN, '--json'], { env, timeout: 20_000 }, (error, stdout, stderr) =>
        resolve({ code: error?.code, stdout, stderr }),
      )
    })
    expect(ended.code).to.equal(2)
    expect(ended.stderr).to.include('FIREZONE_GATEWAY: path of the executable').and.not.to.include('FIREZONE_CLIENT')
    const said = JSON.parse(ended.stdout) as { ok: boolean; code: string; wants: object }
    expect(said).to.deep.include({ ok: false, code: 'INTEROP_NEEDS_PROGRAM' })
    expect(said.wants).to.have.all.keys('FIREZONE_GATEWAY')
  })

  it('npm run interop pairs Portreeve’s own programs with each that the variables name', () => {
    const environment = { FIREZONE_CLIENT: '/opt/a:/opt/b', FIREZONE_GATEWAY: '/opt/g' }
    expect(lacking(environment)).to.deep.equal([])
    expect(programsOf(environment)).to.deep.equal({
      client: [
        { product: 'portreeve' },
        { product: 'released', path: '/opt/a' },
        { product: 'released', path: '/opt/b' },
      ],
      gateway: [{ product: 'portreeve' }, { product: 'released', path: '/opt/g' }],
    })
    expect(pairingsOf(programsOf(environment), undefined)).to.have.length(6)
    expect(pairingsOf(programsOf(environment), 'released-portreeve').map(({ client }) => client)).to.deep.equal([
      { product: 'released', path: '/opt/a' },
      { product: 'released', path: '/opt/b' },
    ])
    expect(pairingsOf(programsOf(environment), 'released')).to.deep.equal([])
  })
})
