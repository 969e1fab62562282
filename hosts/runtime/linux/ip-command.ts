// Arguments and output of the `ip` command.
import { canonicalAddress } from '../../../core/net/ip-address.ts'
import { CommandError, runCommand } from '../process/run-command.ts'

/** Address family as an argument of `ip`. */
export type IpFamily = '-4' | '-6'

/**
 * Returns a prefix in canonical form, with its length; an address becomes a host prefix. Throws if the text is neither,
 * so that nothing else becomes an argument of a command.
 */
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

/** Parses the output of `ip -j`, which prints an empty line or `{}` entries if there is nothing. */
export const parseList = (text: string): Record<string, unknown>[] => {
  const value: unknown = JSON.parse(text.trim() === '' ? '[]' : text)
  return Array.isArray(value) ? value.filter(isObject).filter((entry) => Object.keys(entry).length > 0) : []
}

/**
 * Runs several `show` commands of `ip` for a family in one process, and returns the objects of each. A table that does
 * not exist, and a family that the kernel lacks, have none.
 */
export const askIp = async (family: IpFamily, commands: readonly string[]): Promise<Record<string, unknown>[][]> => {
  const args = ['-j', family, '-force', '-batch', '-']
  const text = await runCommand('ip', args, `${commands.join('\n')}\n`).catch((error: unknown) => {
    // The exit code tells that one of the commands failed; all of them have printed an answer.
    if (error instanceof CommandError && error.stdout !== '') return error.stdout
    throw error
  })
  const answers = text.split('\n').filter((line) => line.trim() !== '')
  if (answers.length !== commands.length)
    throw new Error(`ip answered ${answers.length} of ${commands.length} commands`)
  return answers.map(parseList)
}

/** Awaits a command and ignores its failure, as the thing that it removes may be gone already. */
export const tolerate = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
  }
}
