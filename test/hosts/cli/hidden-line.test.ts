import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { describe, it } from 'mocha'
import { hiddenLine } from '../../../hosts/cli/hidden-line.ts'

/** The parts of a terminal that reading a line needs. */
const terminal = () => {
  const raw: boolean[] = []
  const stream = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => void raw.push(on) })
  return { stream, raw, line: hiddenLine(stream) }
}

describe('a hidden line', () => {
  it('a hidden line is read from a terminal that echoes nothing meanwhile, however it is cut into pieces', async () => {
    const { stream, raw, line } = terminal()
    stream.write('.SFM')
    stream.write('yNTX\u007fY\r')
    expect(await line).to.equal('.SFMyNTY')
    expect(raw).to.deep.equal([true, false])
  })

  it('a hidden line is broken off by Ctrl-C, and the terminal is as before', async () => {
    const { stream, raw, line } = terminal()
    stream.write('abc\u0003')
    expect(await line.catch((error: Error) => error.message)).to.match(/broken off/)
    expect(raw).to.deep.equal([true, false])
  })

  it('a hidden line is read from a pipe, with or without a line’s end', async () => {
    for (const text of ['a token', 'a token\n', 'a token\r\nmore']) {
      const pipe = new PassThrough()
      const line = hiddenLine(pipe)
      pipe.end(text)
      expect(await line).to.equal('a token')
    }
  })

  it('a hidden line is bounded', async () => {
    const pipe = new PassThrough()
    const line = hiddenLine(pipe)
    pipe.end('x'.repeat(100_000))
    expect((await line).length).to.equal(8_192)
  })
})
