import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Folder of the machine's own configuration files, as the Debian packages have it. */
const FOLDER = '/etc/portreeve'

/** Returns the path of this machine's own configuration file, `/etc/portreeve/client.yaml` for one; undefined if there is none. */
export const installedConfig = (name: string): string | undefined => {
  const path = join(FOLDER, name)
  return existsSync(path) ? path : undefined
}
