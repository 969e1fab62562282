// Running programs with reports of what takes long, for the scripts beside this file.
import { spawn } from 'node:child_process'

export class PackagingProblem extends Error {}

export const say = (text) => process.stderr.write(`package: ${text}\n`)

/** Carries out a step, and reports its start, its end, and every 20 s that it still takes. */
export const step = async (what, work) => {
  const began = Date.now()
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`
  say(`${what} …`)
  const alive = setInterval(() => say(`${what}: ${seconds()} …`), 20_000)
  try {
    const result = await work()
    say(`${what}: done in ${seconds()}`)
    return result
  } finally {
    clearInterval(alive)
  }
}

/**
 * Runs a program and returns its standard output.
 * @throws PackagingProblem with all that it printed, if it fails or is missing
 */
export const run = (program, args, { cwd, env = {} } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
    child.once('error', (error) => reject(new PackagingProblem(`${program} cannot be run: ${error.message}`)))
    child.once('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new PackagingProblem(`${program} ${args.join(' ')} failed (${code}):\n${output}${errors}`))
    })
  })
