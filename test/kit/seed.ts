// Loaded before the tests of `npm test` (--require), which has to end alike each time: fast-check begins where PORTREEVE_SEED says. Run by mocha alone it
// begins anywhere.
import * as fc from 'fast-check'

const seed = process.env['PORTREEVE_SEED']
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) })
