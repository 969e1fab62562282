// chai and fast-check, which the suites check with. Whoever takes only the ports of `portreeve/testing` need not have installed them.
import type * as Chai from 'chai'
import type * as FastCheck from 'fast-check'

const installed = async <T>(name: string, load: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await load()
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' && String(error).includes(`'${name}'`))
      return undefined
    throw error
  }
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
