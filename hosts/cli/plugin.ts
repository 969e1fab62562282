import { Command } from 'commander'
import type { CommandContext } from './context.ts'
import { pluginCheckCommand } from './plugin-check.ts'
import { pluginNewCommand } from './plugin-new.ts'

/** Builds `portreeve plugin …`. */
export const pluginCommand = (context: CommandContext): Command =>
  new Command('plugin')
    .description('Looks at plugins, and begins new ones.')
    .addCommand(pluginNewCommand(context))
    .addCommand(pluginCheckCommand(context))
