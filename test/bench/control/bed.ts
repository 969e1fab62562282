import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { Part } from '../../../hosts/lab/part.ts'
import { portreeve } from '../../../hosts/lab/program.ts'
import { freePort } from '../../kit/free-port.ts'
import type { Done, Task } from './messages.ts'
import { processorMs, residentKib } from './process-cost.ts'
import { seedState, type SeededState } from './seed.ts'

/** Work and what it cost the portal. */
export interface Cost extends Done {
  /** Processor time of the portal for each piece, in milliseconds. */
  each: number
}

/** A portal's process, and the load generator. */
export class ControlBed {
  readonly #state: SeededState
  readonly #load: ChildProcess
  #portal: Part

  private constructor(state: SeededState, portal: Part) {
    this.#state = state
    this.#portal = portal
    this.#load = fork(fileURLToPath(new URL('../child/control-load.js', import.meta.url)), { stdio: 'inherit' })
  }

  /** Makes the account, starts the portal and connects the gateways. */
  static async open(): Promise<ControlBed> {
    const state = await seedState()
    const port = await freePort('127.0.0.1')
    await writeFile(
      join(state.folder, 'portal.yaml'),
      stringify({
        listen: { port },
        state_folder: '.',
        log_level: 'warn',
        plugins: [{ use: 'builtin:selector-random' }, { use: 'builtin:identity-oidc' }],
        // Callers of the REST API are the one thing here that comes from a single address in large numbers.
        rate_limit: { burst: 100_000, per_second: 100_000 },
      }),
    )
    const bed = new ControlBed(state, await startPortal(state.folder))
    await bed.do({ task: 'begin', url: `http://127.0.0.1:${port}`, seeded: state.seeded })
    return bed
  }

  /** Has the load generator do a task. @throws Error if it ends instead */
  async do(task: Task): Promise<Done> {
    const over = new AbortController()
    const { signal } = over
    const ended = once(this.#load, 'exit', { signal }).then(() => {
      throw new Error(`the load generator ended at ${task.task}`)
    })
    const answer = once(this.#load, 'message', { signal }) as Promise<[Done]>
    this.#load.send(task)
    try {
      const [done] = await Promise.race([answer, ended])
      return done
    } finally {
      over.abort()
      await Promise.allSettled([answer, ended])
    }
  }

  /** Returns the milliseconds of processor time that the portal takes in a second with the peers as they are. */
  async idleRate(seconds: number): Promise<number> {
    const before = processorMs(this.#portal.pid)
    await pause(seconds * 1_000)
    return (processorMs(this.#portal.pid) - before) / seconds
  }

  /** Does a task of so many pieces and returns its cost, less what idle peers cost meanwhile. */
  async cost(task: Task, { pieces, idleRate }: { pieces: number; idleRate: number }): Promise<Cost> {
    const [before, begun] = [processorMs(this.#portal.pid), performance.now()]
    const done = await this.do(task)
    // Writes that follow the answer are part of the work.
    await pause(SETTLE_MS)
    const spent = processorMs(this.#portal.pid) - before
    return { ...done, each: (spent - (idleRate * (performance.now() - begun)) / 1_000) / pieces }
  }

  /** Resident memory of the portal in KiB. */
  get residentKib(): number {
    return residentKib(this.#portal.pid)
  }

  /** Kills the portal and starts it again; resolves with the seconds until the last peer has joined again. */
  async killed(): Promise<{ seconds: number; processorSeconds: number; refused: Done['refused'] }> {
    const killedAt = performance.timeOrigin + performance.now()
    this.#portal.kill('SIGKILL')
    await this.#portal.ended
    const [portal, done] = await Promise.all([startPortal(this.#state.folder), this.do({ task: 'return' })])
    this.#portal = portal
    const seconds = (done.at - killedAt) / 1_000
    return { seconds, processorSeconds: processorMs(portal.pid) / 1_000, refused: done.refused }
  }

  async close(): Promise<void> {
    if (this.#load.connected) this.#load.disconnect()
    await this.#portal.stop({ graceMs: 5_000 })
    await this.#state.remove()
  }
}

const SETTLE_MS = 300

const startPortal = async (folder: string): Promise<Part> => {
  const args = portreeve('portal', '--config', join(folder, 'portal.yaml'))
  const portal = new Part(process.execPath, args, { name: 'portal' })
  await portal.line((line) => line.startsWith('portal: listening on '))
  return portal
}
