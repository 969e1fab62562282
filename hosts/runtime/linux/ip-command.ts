// What goes into `ip` and comes out of it.
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { CommandError } from '../process/run-command.ts'

/** As an argument of `ip`. */
export type IpFamily = '-4' | '-6'

/** Always with a length, and in the one way to write it. What is no prefix never reaches a command. */
export const canonicalPrefix = (text: string, family?: IpFamily): string => {
  if (text === 'default') return family === '-6' ? '::/0' : '0.0.0.0/0'
  const [, address = '', length] = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const canonical = canonicalAddress(address)
  const longest = canonical?.includes(':') === true ? 128 : 32
  if (canonical === undefined || Number(length ?? 0) > longest) throw new Error(`not an address or a prefix: ${text}`)
  return `${canonical}/${length ?? longest}`
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** `ip -j` prints an empty line or a list that begins with `{}` where there is nothing. */
export const parseList = (text: string): Record<string, unknown>[] => {
  const value: unknown = JSON.parse(text.trim() === '' ? '[]' : text)
  return Array.isArray(value) ? value.filter(isObject).filter((entry) => Object.keys(entry).length > 0) : []
}

/** Waits for a command that may fail, for what it should remove may be gone. */
export const tolerate = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
  }
}
