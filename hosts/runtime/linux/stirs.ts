import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Stirs } from './upkeep.ts'

/** Programs that print a line for each change of what the upkeep compares. */
const MONITORS = [
  ['ip', 'monitor', 'rule', 'route', 'address', 'link', 'netconf'],
  ['nft', 'monitor', 'chains'],
  ['nft', 'monitor', 'rules'],
] as const
/** A program that ended, or that is not installed, is started again after this time. */
const RESTART_MS = 60_000

/** Shell script that runs a monitor until its own standard input closes, as when its parent process ends. */
const SCRIPT = '"$@" 2>&- & exec >&- 2>&-; read -r _; kill "$!"'

/**
 * Calls back when routing rules, routes, addresses, devices, nft's chains and rules, or the switches of forwarding of the
 * machine or of a device have changed.
 */
export const monitored: Stirs = ({ stirred, watched }) => {
  const running = new Set<Monitor>()
  const ends = MONITORS.map((command) =>
    shared(command, stirred, (isRunning) => {
      if (isRunning) running.add(command)
      else running.delete(command)
      watched(running.size === MONITORS.length)
    }),
  )
  return () => {
    for (const end of ends) end()
  }
}

type Monitor = (typeof MONITORS)[number]

/** Calls back when addresses, routes, rules or devices have changed, several times for one change. */
export const watchNetwork = (changed: () => void): (() => void) => shared(MONITORS[0], changed, () => undefined)

/** Part of this process that listens to a monitor. */
interface Listener {
  stirred: () => void
  running: (isRunning: boolean) => void
}

/** Running monitors with those who listen to them: several parts of a process listen to one. */
const monitors = new Map<Monitor, { listeners: Set<Listener>; isRunning: boolean; end: () => void }>()

const shared = (command: Monitor, stirred: Listener['stirred'], running: Listener['running']): (() => void) => {
  const listener = { stirred, running }
  const known = monitors.get(command)
  const one = known ?? { listeners: new Set(), isRunning: false, end: () => undefined }
  one.listeners.add(listener)
  if (known === undefined) {
    monitors.set(command, one)
    one.end = monitor(
      command,
      () => {
        for (const listening of one.listeners) listening.stirred()
      },
      (isRunning) => {
        one.isRunning = isRunning
        for (const listening of one.listeners) listening.running(isRunning)
      },
    )
  } else if (one.isRunning) running(true)
  return () => {
    if (!one.listeners.delete(listener) || one.listeners.size > 0) return
    one.end()
    monitors.delete(command)
  }
}

const monitor = (command: Monitor, stirred: () => void, running: (isRunning: boolean) => void): (() => void) => {
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  let end = (): void => undefined
  const start = (): void => {
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
    const child = spawn('sh', ['-c', SCRIPT, 'portreeve-monitor', ...command], {
      detached: true,
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    child.on('error', () => undefined)
    child.stdin.on('error', () => undefined)
    child.stdout.on('data', stirred)
    child.on('spawn', () => running(true))
    child.stdout.on('close', () => {
      child.stdin.end()
      if (!isOver) running(false)
      if (!isOver) timer = setTimeout(start, RESTART_MS).unref()
    })
    child.unref()
    end = () => child.stdin.end()
  }
  start()
  return () => {
    isOver = true
    clearTimeout(timer)
    end()
  }
}

/**
 * Calls back when a file has changed, or what it links to, and was left alone for a moment since, as it may be written
 * in pieces. Reads its times and not events, which a file does not have that is mounted over another.
 */
export const watchFile = (path: string, changed: () => void): (() => void) => {
  let known = stampOf(path)
  let last = known
  const timer = setInterval(() => {
    const present = stampOf(path)
    const isSteady = present === last
    last = present
    if (!isSteady || present === known) return
    known = present
    changed()
  }, STAMP_EVERY_MS).unref()
  return () => clearInterval(timer)
}

const STAMP_EVERY_MS = 300

const stampOf = (path: string): string => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join()
  } catch {
    return ''
  }
}
