// `npm test` loads this before the tests (--require), to be repeatable: fast-check starts from PORTREEVE_SEED. Under
// mocha alone it starts from a random seed.
import * as fc from 'fast-check'

const seed = process.env['PORTREEVE_SEED']
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
