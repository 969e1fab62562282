import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The id that a folder keeps for this installation; `make` gives a new one where there is none yet. */
export const keptId = async (folder: string, make: () => string): Promise<string> => {
  const path = join(folder, 'id')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    await writeFile(path, `${make()}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return (await readFile(path, 'utf8')).trim()
}
