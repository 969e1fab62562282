import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { run } from '../../../hosts/cli/program.ts'
import { makeAuthority } from '../../kit/certificate.ts'

const explain = async (url: string, more: readonly string[] = []) => {
  const told: string[] = []
  const tell = (text: string): void => void told.push(text)
  const code = await run(['explain', '--actor', 'ada@example.org', '--resource', 'wiki', ...more], {
    env: { PORTREEVE_PORTAL_URL: url, PORTREEVE_TOKEN: '.a-token' },
    output: { print: tell, json: (value) => tell(JSON.stringify(value)), tell },
  })
  return { code, told: told.join('\n') }
}

describe('a command that asks the portal’s API over TLS', () => {
  it('a command trusts a private authority by --ca-file, and else names the certificate and what to do', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'portal-api-'))
    const authority = await makeAuthority()
    const server = createServer(await authority.issue(['127.0.0.1', 'localhost']), (_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ is_allowed: true, text: ['Access is granted.'] }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
      const file = join(folder, 'ca.pem')
      await writeFile(file, authority.cert)
      const unknown = await explain(url)
      expect(unknown.code).to.equal(4)
      expect(unknown.told).to.include(url).and.include('certificate_untrusted').and.include('ca_file')
      expect(await explain(url, ['--ca-file', file])).to.deep.equal({ code: 0, told: 'Access is granted.' })
      expect(await explain(url, ['--ca-file', join(folder, 'none.pem')])).to.include({ code: 2 })
      expect((await explain('https://portal.invalid')).told).to.match(/name_(unknown|server_silent)/)
    } finally {
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true })
    }
  })
})
