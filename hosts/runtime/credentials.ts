import { access } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Environment variable with the folder of the credentials that systemd has loaded for this service. */
const FOLDER_VARIABLE = 'CREDENTIALS_DIRECTORY'

/**
 * Returns the path of the systemd credential that stands for a secret file, or undefined if there is none. The credential has
 * the file's name (`LoadCredential=gateway.token:/etc/portreeve/gateway.token`), or the names of its folder and itself
 * where systemd loads a whole folder (`LoadCredential=portal:/etc/portreeve/secrets/portal` names each file in it
 * `portal_…`). So a service without root's rights reads secrets that only root may read.
 */
export const credentialFor = async (path: string): Promise<string | undefined> => {
  const folder = process.env[FOLDER_VARIABLE]
  if (folder === undefined) return undefined
  for (const name of [basename(path), `${basename(dirname(path))}_${basename(path)}`]) {
    const credential = join(folder, name)
    const isThere = await access(credential).then(
      () => true,
      () => false,
    )
    if (isThere) return credential
  }
  return undefined
}
