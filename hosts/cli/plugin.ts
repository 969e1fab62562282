import { Command } from 'commander'
import type { CommandContext } from './context.ts'
import { pluginCheckCommand } from './plugin-check.ts'

/** Builds `portreeve plugin …`. */
export const pluginCommand = (context: CommandContext): Command =>
  new Command('plugin').description('Looks at plugins.').addCommand(pluginCheckCommand(context))
