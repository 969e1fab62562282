import { expect } from 'chai'
import { describe, it } from 'mocha'
import { z } from 'zod'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { parseConfig } from '../../../core/config/parse-config.ts'

const Schema = z.strictObject({
  listen: z.strictObject({ port: z.number() }),
  plugins: z.array(z.strictObject({ use: z.string() })),
})

describe('parseConfig', () => {
  it('a valid configuration is given back', () => {
    const value = { listen: { port: 1 }, plugins: [{ use: 'builtin:x' }] }
    expect(parseConfig(Schema, value, 'portal.yaml')).to.deep.equal(value)
  })

  it('a configuration’s problems are named with the file and the path of each', () => {
    const attempt = () => parseConfig(Schema, { listen: { port: 'x' }, plugins: [{ use: 1 }], extra: 1 }, 'portal.yaml')
    expect(attempt)
      .to.throw(OperatorError, /portal\.yaml/)
      .with.property('code', 'CONFIG_INVALID')
    expect(attempt).to.throw(/listen\.port/)
    expect(attempt).to.throw(/plugins\[0\]\.use/)
    expect(attempt).to.throw(/"extra"/)
  })

  it('an unknown key of a configuration is reported with the keys there are, at any depth', () => {
    const nested = z.strictObject({
      rows: z.array(z.strictObject({ limit: z.strictObject({ burst: z.number() }).optional() })).default([]),
    })
    const attempt = (value: unknown) => () => parseConfig(nested, value, 'portal.yaml')
    expect(attempt({ rowz: [] })).to.throw(/\(top\): .*"rowz"\. Known here: rows$/)
    expect(attempt({ rows: [{ limit: { burts: 1, burst: 1 } }] })).to.throw(
      /rows\[0\]\.limit: .*"burts"\. Known here: burst$/,
    )
  })
})
