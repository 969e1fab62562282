import { chown, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Gives a file to the owner of its folder, if root has made it: a command that root runs must not leave files which the
 * service's user cannot read.
 */
export const giveToFolderOwner = async (path: string): Promise<void> => {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = await stat(dirname(path))
  const own = await stat(path)
  if (own.uid !== uid || own.gid !== gid) await chown(path, uid, gid)
}
