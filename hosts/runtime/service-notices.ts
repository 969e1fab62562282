import { loadAddon } from './native/addon.ts'

/** Sends messages to whoever has started this process as a service: systemd, by the protocol of sd_notify(3). */
export interface ServiceNotices {
  /** Says that the service does its work, and begins to say so again and again where the manager asked for that. */
  ready: () => void
  /** Says that the service is about to end. */
  stopping: () => void
}

const SILENT: ServiceNotices = { ready: () => undefined, stopping: () => undefined }

/**
 * Connects to the service manager that the environment names (`NOTIFY_SOCKET`), and removes its variables, which child
 * processes inherit. Without one, or without the addon, nothing is sent.
 */
export const serviceNotices = (env: NodeJS.ProcessEnv): ServiceNotices => {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: interval, WATCHDOG_PID: watched } = env
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
  if (socket === undefined || socket === '') return SILENT
  const send = (text: string): void => {
    try {
      loadAddon().notify(socket, text)
    } catch {
      // Nobody listens, or the addon is missing: a service does its work without being watched, too.
    }
  }
  let watchdog: NodeJS.Timeout | undefined
  return {
    ready: () => {
      send('READY=1')
      const isWatched = watched === undefined || Number(watched) === process.pid
      const milliseconds = Number(interval) / 1_000
      if (!isWatched || !(milliseconds > 0)) return
      // Three times within the time that the manager waits, as a busy machine delays a timer.
      watchdog = setInterval(() => send('WATCHDOG=1'), milliseconds / 3).unref()
    },
    stopping: () => {
      clearInterval(watchdog)
      send('STOPPING=1')
    },
  }
}
