import { Command } from 'commander'
import { OperatorError } from '../../core/config/operator-error.ts'
import { ask, type AskOptions } from './ask.ts'
import type { CommandContext } from './context.ts'

/** Builds `portreeve client down`, which ends the running client. */
export const clientDownCommand = (context: CommandContext): Command =>
  new Command('down')
    .description(
      'Ends the running client, or puts back what one that was killed has left; the system’s resolver and routes are as before.',
    )
    .option('-c, --config <file>', 'the client’s configuration')
    .option('--json', 'print {"state":"stopping"}, or "repaired" with what was')
    .action(async (options: AskOptions) => {
      try {
        await ask('down', options, context)
      } catch (error) {
        if (!(error instanceof OperatorError && error.code === 'CLIENT_NOT_RUNNING')) throw error
        return repair(error, options, context)
      }
      if (options.json === true) context.output.json({ state: 'stopping' })
      else context.output.print('The client is stopping.')
    })
    .addHelpText('after', '\nExample:\n  $ portreeve client down')

/**
 * Restores the machine after a client that was killed: its resolver may still be the client's. Throws `error` if
 * nothing was left.
 */
const repair = async (error: OperatorError, { json }: AskOptions, { output }: CommandContext): Promise<void> => {
  const { hasNetAdmin, ownedDevices, repairMachine } = await import('../runtime/index.ts')
  if (!hasNetAdmin()) throw error
  const repaired = await repairMachine()
  if (repaired.length === 0) {
    const [other] = await ownedDevices()
    if (other === undefined) throw error
    const { name, process: pid } = other
    throw new OperatorError(
      error.code,
      `${error.message} But process ${pid} runs one, or a gateway, with the device ${name}.`,
    )
  }
  if (json === true) output.json({ state: 'repaired', repaired })
  else output.print(`No client runs. What one that was killed had left is put back: ${repaired.join(', ')}.`)
}
