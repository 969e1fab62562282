import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { OperatorError } from '../../core/config/operator-error.ts'
import { isPackage } from '../../core/plugin/load-plugins.ts'
import { errorText, stackText } from '../../core/plugin/error-text.ts'
import type { RehearsalStep } from '../../core/plugin/rehearsal.ts'
import { KeptOutput } from './kept-output.ts'
import type { FromRehearsal, RehearsalSetUp } from './rehearsal-letters.ts'

/** Time limit of a package's import, and of its setup. */
export const REHEARSAL_MS = 10_000

/** Longest wait for the thread to end. */
const END_MS = 1_000

const REMEDY = 'Install a version of the plugin that fits, or remove it from the configuration.'

/**
 * Imports the packages that a configuration lists, and runs their setups, in a thread that is ended afterwards: nothing
 * interrupts synchronous code in the host's own. Takes about 0.2 s of processor time, most of it for the thread and the modules that all packages import. Standard
 * output and standard error of the plugins are shown, on standard error, if one fails.
 * @throws OperatorError PLUGIN_IMPORT_LATE, PLUGIN_SETUP_LATE, PLUGIN_EXIT, and those of `loadPlugins` and `runSetup`; its
 * `cause` has the stack in the plugin, as far as there is one
 */
export const rehearsePlugins = async (setUp: RehearsalSetUp, deadlineMs = REHEARSAL_MS): Promise<void> => {
  if (!setUp.entries.some(isPackage)) return
  const worker = new Worker(WORKER, { workerData: setUp, stdout: true, stderr: true })
  const output = new KeptOutput(worker.stdout, worker.stderr)
  try {
    const failure = await failureOf(worker, deadlineMs)
    // A thread in a system call that blocks does not end.
    await Promise.race([worker.terminate(), pause(END_MS, undefined, { ref: false })])
    if (failure === undefined) return
    output.show()
    throw failure
  } finally {
    worker.unref()
  }
}

/** The source if it is run without compilation. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './rehearsal-worker.ts' : './rehearsal-worker.js',
  import.meta.url,
)

const failureOf = async (worker: Worker, deadlineMs: number): Promise<OperatorError | undefined> =>
  new Promise((resolve) => {
    let at: RehearsalStep | undefined
    let timer: NodeJS.Timeout | undefined
    const settle = (failure?: OperatorError): void => {
      clearTimeout(timer)
      resolve(failure)
    }
    const failed = (
      code: string,
      message: string,
      { stack, remedy }: { stack?: string | undefined; remedy?: string },
    ): void => {
      const cause = stack === undefined ? {} : { cause: Object.assign(new Error(message), { stack }) }
      settle(new OperatorError(code, message, remedy, cause))
    }
    const watch = (): void => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        failed(lateCode(at), `${stepText(at)} has not finished in ${deadlineMs / 1_000} s.`, { remedy: REMEDY })
      }, deadlineMs)
    }
    worker.on('message', (letter: FromRehearsal) => {
      switch (letter.type) {
        case 'began':
          at = letter
          return watch()
        case 'failed':
          return failed(letter.code, letter.message, letter)
        case 'exited':
          return failed('PLUGIN_EXIT', `${stepText(at)} called ${letter.call}.`, { ...letter, remedy: REMEDY })
        case 'done':
          return settle()
      }
    })
    worker.on('error', (error) => {
      const code = at?.step === 'setup' ? 'PLUGIN_SETUP_FAILED' : 'PLUGIN_IMPORT_FAILED'
      const what = `${stepText(at)} left an error that nobody handles: ${errorText(error)}.`
      failed(code, what, { stack: stackText(error), remedy: REMEDY })
    })
    // Nothing is left to wait for: the thread ends by itself.
    worker.on('exit', () => {
      failed(lateCode(at), `${stepText(at)} never settled: it waits for what cannot come.`, { remedy: REMEDY })
    })
  })

const stepText = (at: RehearsalStep | undefined): string =>
  at === undefined ? 'plugins: the thread that rehearses packages' : `${at.named}: ${at.step}`

const lateCode = (at: RehearsalStep | undefined): string =>
  at?.step === 'setup' ? 'PLUGIN_SETUP_LATE' : 'PLUGIN_IMPORT_LATE'
