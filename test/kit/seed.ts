// `npm test` loads this before the tests (--require), to be repeatable: fast-check starts from PORTREEVE_SEED. Under
// mocha alone it starts from a random seed.
import { config } from 'chai'
import * as fc from 'fast-check'

const seed = process.env['PORTREEVE_SEED']
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })

// The proxies find misspelt assertions, as the compiler does, and take half of an assertion's time.
config.useProxy = false
