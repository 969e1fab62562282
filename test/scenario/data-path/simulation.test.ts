import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import { Simulation } from './simulation.ts'

const SEEDS = JSON.parse(readFileSync('test/scenario/data-path/seeds.json', 'utf8')) as number[]
const FRESH = Number(process.env['PORTREEVE_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Number of random worlds, the same on a slow machine as on a fast one; `npm run fuzz` runs more. */
const FRESH_WORLDS = 10

describe('random worlds against the reference model of the data path', function () {
  this.timeout(300_000)

  for (const seed of SEEDS) {
    it(`probes in a random world meet the model’s prediction, for the kept seed ${seed}`, () => {
      new Simulation(seed).run()
    })
  }

  it(`probes in random worlds meet the model’s prediction, for seeds from ${FRESH} (PORTREEVE_SEED=${FRESH} replays them)`, () => {
    let probes = 0
    for (let seed = FRESH; seed < FRESH + FRESH_WORLDS; seed++) {
      const simulation = new Simulation(seed)
      try {
        simulation.run()
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
      for (const count of simulation.met.values()) probes += count
    }
    process.stdout.write(`      ${FRESH_WORLDS} worlds, ${probes} probes, from seed ${FRESH}\n`)
  })
})
