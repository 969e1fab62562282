import { expect } from 'chai'
import { describe, it } from 'mocha'
import { Secret } from '../../../core/runtime/secret.ts'
import { createLogger, type LoggerOptions } from '../../../hosts/runtime/index.ts'

const record = (options: LoggerOptions = {}) => {
  const lines: string[] = []
  const logger = createLogger({ ...options, destination: { write: (line) => void lines.push(line) } })
  return { logger, lines, parsed: () => lines.map((line): Record<string, unknown> => JSON.parse(line)) }
}

describe('the logger', () => {
  it('the logger never prints a secret, at whatever depth', () => {
    const { logger, lines } = record()
    const token = new Secret('hunter2')
    logger.with({ token }).info({ token, nested: { list: [token] } }, `signed in with ${String(token)}`)
    expect(lines.join('')).not.to.contain('hunter2')
    expect(lines.join('')).to.contain('[secret]')
  })

  it('the logger leaves out what is less urgent than its level', () => {
    const { logger, parsed } = record({ level: 'warn' })
    logger.info({}, 'a state that matters')
    logger.warn({}, 'would wake a person')
    expect(parsed().map(({ level, msg }) => ({ level, msg }))).to.deep.equal([
      { level: 'warn', msg: 'would wake a person' },
    ])
  })

  it('the logger spells out an error under any name, with its code', () => {
    const { logger, parsed } = record()
    logger.error({ cause: Object.assign(new Error('no route'), { code: 'ENETUNREACH' }) }, 'failed')
    expect(parsed()[0]?.['cause']).to.include({ message: 'no route', code: 'ENETUNREACH' })
  })

  it('the logger adds the fields of its parents to each line', () => {
    const { logger, parsed } = record({ name: 'gateway' })
    logger.with({ site: 1 }).with({ peer: 2 }).info({ seen: 3 }, 'hello')
    expect(parsed()[0]).to.include({ name: 'gateway', site: 1, peer: 2, seen: 3 })
  })
})
