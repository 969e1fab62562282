import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { after, describe, it } from 'mocha'
import { needNetAdmin } from '../../../hosts/runtime/linux/net-admin.ts'

describe('hosts/runtime/linux/net-admin', function () {
  const folder = mkdtempSync(join(tmpdir(), 'net-admin-'))
  after(() => rmSync(folder, { recursive: true }))

  const statusWith = (line: string): string => {
    const file = join(folder, 'status')
    writeFileSync(file, `Name:\tnode\nCapPrm:\t0000000000000000\n${line}\nCapBnd:\t000001ffffffffff\n`)
    return file
  }

  it('net-admin lets root and processes with CAP_NET_ADMIN go on', () => {
    for (const capabilities of ['000001ffffffffff', '0000000000001000']) {
      expect(() => needNetAdmin(statusWith(`CapEff:\t${capabilities}`))).not.to.throw()
    }
  })

  it('net-admin says to all others what to do', () => {
    for (const capabilities of ['0000000000000000', '0000000000002000']) {
      expect(() => needNetAdmin(statusWith(`CapEff:\t${capabilities}`))).to.throw(/root, or CAP_NET_ADMIN.*sudo/)
    }
  })
})
