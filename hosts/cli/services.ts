import { existsSync } from 'node:fs'
import { runCommand } from '../runtime/process/run-command.ts'

/** Role that a systemd unit runs. */
export type ServiceRole = 'portal' | 'gateway' | 'client'

/** User as whom a service runs. */
export interface ServiceUser {
  name: string
  uid: number
  gid: number
}

const unitOf = (role: ServiceRole): string => `portreeve-${role}.service`

/** Whether systemd runs this machine, and has the unit of a role, as the Debian packages bring it. */
export const hasService = async (role: ServiceRole): Promise<boolean> => {
  if (!existsSync('/run/systemd/system')) return false
  const state = await runCommand('systemctl', ['show', '-p', 'LoadState', '--value', unitOf(role)]).catch(() => '')
  return state.trim() === 'loaded'
}

/** Returns the user of a role's unit; undefined for root. */
export const serviceUser = async (role: ServiceRole): Promise<ServiceUser | undefined> => {
  const name = (await runCommand('systemctl', ['show', '-p', 'User', '--value', unitOf(role)])).trim()
  if (name === '' || name === 'root') return undefined
  const [uid, gid] = [await runCommand('id', ['-u', name]), await runCommand('id', ['-g', name])]
  return { name, uid: Number(uid), gid: Number(gid) }
}

/** Starts a role's unit, or starts it again, and has it start with the machine. @throws CommandError */
export const startService = async (role: ServiceRole): Promise<void> => {
  await runCommand('systemctl', ['enable', unitOf(role)])
  await runCommand('systemctl', ['restart', unitOf(role)])
}

/** Stops a role's unit, and has it start with the machine no longer. */
export const endService = async (role: ServiceRole): Promise<void> => {
  await runCommand('systemctl', ['disable', '--now', unitOf(role)])
}
