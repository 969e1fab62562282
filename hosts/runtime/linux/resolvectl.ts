import { runCommand } from '../process/run-command.ts'

/** Name under which `resolvectl` lists what systemd-resolved has for no link: the settings of resolved.conf. */
export const GLOBAL = 'Global'

/** Runs `resolvectl SUBJECT` and returns the values of each link by its name, in the order shown, and those of `GLOBAL`. */
export const resolvectl = async (
  subject: 'dns' | 'domain' | 'dnsovertls',
): Promise<ReadonlyMap<string, readonly string[]>> => parseResolvectl(await runCommand('resolvectl', [subject]))

/** Parses the output of `resolvectl`: `Link 2 (eth0): a b`. Long lists go on in indented lines. */
export const parseResolvectl = (text: string): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>()
  let values: string[] = []
  for (const line of text.split('\n')) {
    const [, link = GLOBAL, rest] = /^(?:Global|Link \d+ \(([^)]+)\)):(.*)$/.exec(line) ?? []
    if (rest !== undefined) found.set(link, (values = []))
    else if (!/^\s/.test(line)) continue
    values.push(...(rest ?? line).split(/\s+/).filter((value) => value !== ''))
  }
  return found
}
