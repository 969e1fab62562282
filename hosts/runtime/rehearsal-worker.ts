// Module of the throw-away thread in which packages are imported and set up before their host does so.
import { syncBuiltinESMExports } from 'node:module'
import { setImmediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { OperatorError } from '../../core/config/operator-error.ts'
import { errorText, stackText } from '../../core/plugin/error-text.ts'
import { rehearsePackages } from '../../core/plugin/rehearsal.ts'
import { packageFinder } from './plugin-modules.ts'
import type { FromRehearsal, RehearsalSetUp } from './rehearsal-letters.ts'

const post = (letter: FromRehearsal): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
  parentPort?.postMessage(letter)
}

/** Replaces the functions that end the process: in a thread they end the thread only, and say nothing. */
const tellEnds = (): void => {
  const exit = process.exit.bind(process)
  const ending = (name: string) =>
    function ended(argument?: unknown): never {
      const { stack = '' } = new Error('called here')
      post({ type: 'exited', call: `process.${name}(${argument === undefined ? '' : errorText(argument)})`, stack })
      return exit(1)
    }
  for (const name of ['exit', 'reallyExit', 'abort']) {
    Object.defineProperty(process, name, { value: ending(name), configurable: true, writable: true })
  }
  const kill = process.kill.bind(process)
  process.kill = (pid, signal) => (pid === process.pid ? ending('kill')(signal) : kill(pid, signal))
  // For those who import the functions by name.
  syncBuiltinESMExports()
}

const run = async ({ configFile, entries, contexts }: RehearsalSetUp): Promise<void> => {
  try {
    await rehearsePackages(entries, {
      modules: packageFinder(configFile),
      contexts,
      begins: async (step) => {
        // A rejection that nobody handles is told at the end of a turn.
        await setImmediate()
        post({ type: 'began', ...step })
      },
    })
    await setImmediate()
    post({ type: 'done' })
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error
    const { code, message, cause } = error
    post({ type: 'failed', code, message, stack: cause === undefined ? undefined : stackText(cause) })
  }
}

tellEnds()
void run(workerData as RehearsalSetUp)
