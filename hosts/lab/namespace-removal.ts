import { rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { mustRun, runCommand } from './command.ts'

const KILL_DEADLINE_MS = 30_000

/** Returns the folder in which `ip netns exec` finds a namespace's own resolv.conf. */
export const resolverFolder = (name: string): string => `/etc/netns/${name}`

/** Kills the processes in a namespace by their ids, and removes it with its devices and its files for /etc. */
export const removeNamespace = async (name: string): Promise<void> => {
  if (await exists(name)) {
    await killProcesses(name)
    const { code, stderr } = await runCommand('ip', ['netns', 'delete', name])
    // The removal may fail because another run removes the namespace at the same time.
    if (code !== 0 && (await exists(name))) throw new Error(`${name} cannot be removed: ${stderr.trim()}`)
  }
  await rm(resolverFolder(name), { recursive: true, force: true })
}

const exists = async (name: string): Promise<boolean> => {
  const { stdout } = await mustRun('ip', ['netns', 'list'])
  return stdout.split('\n').some((line) => line.split(' ')[0] === name)
}

const killProcesses = async (name: string): Promise<void> => {
  const end = performance.now() + KILL_DEADLINE_MS
  while (performance.now() < end) {
    const { stdout } = await runCommand('ip', ['netns', 'pids', name])
    const pids = stdout
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 1 && pid !== process.pid)
    if (pids.length === 0) return
    for (const pid of pids) kill(pid)
    await pause(5)
  }
  throw new Error(`processes in ${name} do not end`)
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process ended between being listed and being killed.
  }
}
