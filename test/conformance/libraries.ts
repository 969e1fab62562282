// chai and fast-check, which the suites check with. Whoever takes only the ports of `portreeve/testing` need not have installed them.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Chai from 'chai'
import type * as FastCheck from 'fast-check'

const installed = async <T>(name: string, load: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await load()
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' && String(error).includes(`'${name}'`))
      return inWorkingFolder<T>(name)
    throw error
  }
}

/**
 * Loads a package from the working folder. Where an author's package links to this one, as it does to a globally
 * installed one, this one's real folder does not see what the author has installed.
 */
const inWorkingFolder = async <T>(name: string): Promise<T | undefined> => {
  let file: string
  try {
    file = createRequire(join(process.cwd(), 'package.json')).resolve(name)
  } catch {
    return undefined
  }
  return (await import(pathToFileURL(file).href)) as T
}

const [chai, fastCheck] = await Promise.all([
  installed('chai', () => import('chai')),
  installed('fast-check', () => import('fast-check')),
])

const missing = (): never => {
  throw new Error('The conformance suites check with chai and fast-check: npm install --save-dev chai fast-check')
}

/** chai's `expect`; throws where chai is not installed. */
export const expect: typeof Chai.expect =
  chai?.expect ?? (Object.assign(missing, { fail: missing }) as typeof Chai.expect)

/** fast-check; throws at any use where it is not installed. */
export const fc: typeof FastCheck = fastCheck ?? (new Proxy({}, { get: missing }) as typeof FastCheck)
